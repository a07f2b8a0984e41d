"""What the course's page costs: its size, the time to make it, and to load it in a browser.

    python tests/bench/course.py [SUBMISSIONS]

Results are drawn at random: 45 criteria of two checks, 40 known mistakes. Loading is measured where
a chromium is installed. It prints a table and asserts nothing.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from grader.course import changes, gathering, page  # noqa: E402
from tests.result_samples import check, criterion, result  # noqa: E402

CRITERIA, MISTAKES, ROUNDS = 45, 40, 5
LOADING = """
new Promise(done => setTimeout(() => {
  const navigation = performance.getEntriesByType("navigation")[0];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const sorted = performance.now();
  document.querySelector(".people thead th:nth-child(2) button").click();
  document.body.offsetHeight;
  done([paint.startTime, navigation.loadEventEnd, performance.now() - sorted]);
}, 1500))
"""


def main():
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as scratch:
        marks, out = Path(scratch, "marks"), Path(scratch, "staff")
        marks.mkdir()
        for number in range(count):
            one = drawn(number, random.Random(number))
            (marks / f"{one['submission']['id']}.json").write_text(json.dumps(one))
        out.mkdir()
        start = time.perf_counter()
        gathered = gathering.gather(marks)
        read = time.perf_counter()
        kept = changes.kept(gathered.entries, None)
        made = page.files(page.course("marks", gathered, kept, out), kept)
        end = time.perf_counter()
        for name, data in made.items():
            (out / name).write_bytes(data)
        rows = [
            ("results read", f"{read - start:.2f} s"),
            ("page made", f"{end - read:.2f} s"),
            *((name, f"{len(data) / 1e6:.3f} MB") for name, data in made.items()),
            *loaded(out / page.NAME),
        ]
    print(f"{count} submissions of {CRITERIA} criteria; load {os.getloadavg()[0]:.1f}")
    print(tabulate(rows, disable_numparse=True))


def drawn(number, rng):
    """Return a result of somebody who knows a share of the sheet."""
    skill = rng.betavariate(4, 2)
    sheet = [
        criterion(
            f"{n // 5 + 1}{'abcde'[n % 5]}",
            *(a_check(f"check_{n}_{k}", skill, rng) for k in range(2)),
            title="Parameters, KV cache per request, largest batch",
        )
        for n in range(CRITERIA)
    ]
    mistake = f"mistake-number-{int(MISTAKES * rng.random() ** 2)}"
    told = {"mistake": mistake, "sentence": f"Your logits equal those of a {mistake}. " * 4}
    more = {"diagnosis": [told] if rng.random() > skill else []}
    return result(f"student_{number:04d}_{4000 + number}", *sheet, **more)


def a_check(name, skill, rng):
    """Return a check that passes with this probability."""
    luck = rng.random()
    if luck < skill:
        return check(name)
    if luck > 0.98:
        return check(name, "inconclusive", 0.0, message="A person reads it.")
    answer = rng.choice(["", "mha", "no_factor_2", "rounded_up"])
    return check(name, "failed", 0.0, variant=answer, message="Keys and values of all layers. " * 4)


def loaded(path):
    """Yield the rows of what a browser takes, the median of some rounds; nothing without one."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        yield "in a browser", "no chromium here"
        return
    rounds = [asked(browser, path.as_uri(), LOADING) for _ in range(ROUNDS)]
    for name, found in zip(
        ("first paint", "loaded", "sorted"), zip(*rounds, strict=True), strict=True
    ):
        told = f"{statistics.median(found):.0f} ms ({min(found):.0f} to {max(found):.0f})"
        yield f"{name}, {ROUNDS} rounds", told


def asked(browser, url, expression):
    """Open a page in a browser of its own, over a pipe of its DevTools protocol; return a value."""
    to_read, to_us = os.pipe(), os.pipe()

    def pipes():
        ends = os.dup(to_read[0]), os.dup(to_us[1])
        os.dup2(ends[0], 3)
        os.dup2(ends[1], 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = [browser, "--headless=new", "--no-sandbox", "--disable-gpu",
                 f"--user-data-dir={profile}", "--remote-debugging-pipe"]  # fmt: skip
        process = subprocess.Popen(
            words, preexec_fn=pipes, close_fds=False,  # noqa: PLW1509 - no thread runs here
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with os.fdopen(to_read[1], "wb") as say, os.fdopen(to_us[0], "rb") as hear:
                ask = Asking(say, hear)
                targets = ask("Target.getTargets")["targetInfos"]
                target = next(each["targetId"] for each in targets if each["type"] == "page")
                ask.session = ask("Target.attachToTarget", targetId=target, flatten=True)[
                    "sessionId"
                ]
                ask("Page.enable")
                ask("Page.navigate", url=url)
                time.sleep(1)
                answer = ask(
                    "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
                )
                return answer["result"]["value"]
        finally:
            process.kill()
            process.wait()
            os.close(to_read[0])
            os.close(to_us[1])


class Asking:
    """Requests and their answers: JSON, with a zero byte after each."""

    def __init__(self, say, hear):
        self.say, self.hear, self.count, self.session = say, hear, 0, None
        self.rest = b""

    def __call__(self, method, **params):
        """Return the result of a method."""
        self.count += 1
        request = {"id": self.count, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        self.say.write(json.dumps(request).encode() + b"\0")
        self.say.flush()
        while True:
            while b"\0" not in self.rest:
                self.rest += self.hear.read1(1 << 20)
            one, _, self.rest = self.rest.partition(b"\0")
            answer = json.loads(one)
            if answer.get("id") == self.count:
                return answer["result"]


if __name__ == "__main__":
    main()
