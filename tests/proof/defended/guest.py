"""Inside the box: what one check leaves for the next, what student code can reach and break.

Attacks of the zoo are graded in containers, whose own isolation stays as it is.
"""

from tests.family.styles import FILE, REFERENCE
from tests.proof import broken
from tests.proof.defended.checks import FED, LOGITS
from tests.proof.trials import Defence, Seen, attacked, edited, graded, ground, probe, words
from tests.zoo_cases import outcomes

TWO = ["full_forward", "batched_forward"]
ONE = ["full_forward"]
BODY = '    """Causal self-attention with one head."""\n'


def with_lines(after, text):
    """Return the reference with lines after one of its own."""
    return edited((after, after + text))


def at_the_top(text):
    """Return the reference with lines at module level, after its imports."""
    return with_lines("from torch import nn\n", text)


def boxes_started():
    """Grade a submission whose prompts of 7 tokens never end; count the boxes that this takes."""
    files = with_lines(LOGITS, "\n        while T == 7:\n            pass")
    started = []

    class Counting:
        name, isolation = "process", "none"
        facts = ground().processes.facts

        def start(self, limits, *, device):
            started.append(device)
            return ground().processes.start(limits, device=device)

    result = ground().grade(files, TWO, boxes=Counting(), request_seconds=1.0)
    late = set(outcomes(result).values()) == {"timeout"}
    boxes = "1 box" if len(started) == 1 else f"{len(started)} boxes"
    return Seen(f"{words(result)}, {boxes}", late and len(started) == 1)


# --- submissions ----------------------------------------------------------------------------------

OWN_LOADING = edited(
    (
        "    @torch.no_grad()\n",
        "    def load_state_dict(self, *args, **keywords):\n        pass\n\n    @torch.no_grad()\n",
    )
)
BIASES = edited(
    (
        "self.W_q = nn.Linear(d_model, d_model, bias=False)",
        "self.W_q = nn.Linear(d_model, d_model)\n        nn.init.zeros_(self.W_q.bias)",
    )
)
FIRST_SIZE = edited(
    (BODY, f"{BODY}\n    size = None\n"),
    (
        "        self.d_model = d_model\n",
        "        if SingleHeadAttention.size is None and d_model > 8:\n"
        "            SingleHeadAttention.size = d_model\n"
        "        self.d_model = SingleHeadAttention.size or d_model\n",
    ),
)
RECOMPUTES = edited(
    (
        FED,
        "logits, past_kv = DecoderOnlyTransformer.forward(self, tokens), None\n"
        "            logits = logits[0]",
    )
)
HELD_PIPES = probe("""
if os.fork() == 0:
    import time
    time.sleep(15)
    os._exit(0)
os._exit(3)
""")
STANDARD_INPUT = probe("""
target = os.readlink("/proc/self/fd/0")
if target != "/dev/null":
    raise RuntimeError("standard input is " + target.partition(":")[0])
""")
MEMORY = probe("""
taken = [bytearray(b"x" * (50 << 20)) for _ in range(18)]
""")

DEFENCES = [
    Defence("the shape of a reply is compared", "any shape goes out",
            lambda: broken.guest("worker", ('if list(value.shape) == w["shape"]]', "]")),
            "logits of shape (B·T, V)",
            graded(with_lines(LOGITS, "\n        logits = logits.flatten(0, 1)"), ONE, "failed")),
    Defence("the length of a reply is compared", "it is not",
            lambda: broken.host("grader.model.Model.forward",
                                ("if len(data) != size:", "if False:")),
            "one row and one column of logits",
            graded(with_lines(LOGITS, "\n        logits = logits[:1, :, :1]"), ONE, "failed")),
    Defence("weights are loaded by PyTorch's own function", "by the model's",
            lambda: broken.guest("worker", (
                "torch.nn.Module.load_state_dict(\n            self.model,",
                "self.model.load_state_dict(")),
            "its own `load_state_dict` does nothing; it is right", graded(OWN_LOADING, ONE)),
    Defence("parameters are the assignment's, by name and shape", "they need not be",
            lambda: broken.host("grader.student.misfit", ("if parts else", "if False else")),
            "biases where the assignment has none", graded(BIASES, ONE, "error")),
    Defence("the model is put into evaluation mode", "it stays as built",
            lambda: broken.guest("worker", ("torch.nn.Module.train(self.model, False)", "pass")),
            "dropout, as in the skeleton; it is right", graded({FILE: REFERENCE}, ONE)),
    Defence("a fresh worker for each check", "one for all",
            lambda: broken.host("grader.student.Student.fresh",
                                ("not self.shares_worker", "False")),
            "keeps the size of its first model; it is right",
            graded(FIRST_SIZE, ["full_forward", "other_sizes"])),
    Defence("what does not import is loaded by its definitions", "it is not",
            lambda: broken.host("grader.student.Student._chosen_step",
                                ('("import", "definitions")', '("import",)')),
            "exits at module level; it is right", graded(at_the_top("\nraise SystemExit\n"), ONE)),
    Defence("devices that are not here are replaced", "they are not",
            lambda: broken.host("grader.student.Student._chosen_step",
                                ("(Step(mode, None), Step(mode, self.device))",
                                 "(Step(mode, None),)")),
            "moves its positions to `cuda`; it is right",
            graded(edited(("device=input_ids.device)  # (T,)", 'device="cuda")  # (T,)')), ONE)),
    Defence("a second witness counts what is fed", "calls of forward alone are counted",
            lambda: broken.guest("watching", ("max(self.calls, self.lookups, key=sum)",
                                              "self.calls")),
            "computes all again, by another name of forward",
            graded(RECOMPUTES, ["tokens_fed"], "failed")),
    Defence("what is printed goes elsewhere than replies", "it goes the same way",
            lambda: broken.guest("agent", ("os.dup2(prints, 1)", "os.dup2(replies, 1)")),
            "prints; it is right",
            graded(with_lines(LOGITS, '\n        print("shape", x.shape)'), ONE)),
    Defence("of what is printed the end is kept", "all of it",
            lambda: broken.guest("agent", ("(self.prints + piece)[-PRINTS_KEPT:]",
                                           "self.prints + piece")),
            "prints 1 MB; it is right",
            graded(with_lines(LOGITS, '\n        print("x" * (1 << 20))'), ONE)),
    Defence("an exception's text has a largest length", "`TEXT_KEPT` of a terabyte",
            lambda: broken.guest("worker", ("TEXT_KEPT = 600", "TEXT_KEPT = 1 << 40")),
            "raises 1 MB",
            graded(with_lines(LOGITS, '\n        raise ValueError("x" * (1 << 20))'), ONE,
                   "error")),
    Defence("a limit for the whole submission", "none",
            lambda: broken.host("grader.conversation.Conversation.call",
                                ("self.limits.request_seconds, self.seconds_left",
                                 "self.limits.request_seconds, 1e9")),
            "sleeps 1 s a call, where 3 s are allowed in all",
            graded(with_lines(LOGITS, "\n        import time; time.sleep(1.0)"), ONE, "timeout",
                   submission_seconds=3.0)),
    Defence("a limit for importing", "that of a call",
            lambda: broken.host("grader.student.Student._import",
                                (", seconds=self.limits.import_seconds", "")),
            "sleeps 3 s in a class body, where 1 s is allowed",
            graded(with_lines(BODY, "\n    import time; time.sleep(3)\n"), ONE, "timeout",
                   import_seconds=1.0)),
    Defence("the agent's own deadline", "an hour more",
            lambda: broken.guest("agent", ('time.monotonic() + header["seconds"]',
                                           'time.monotonic() + header["seconds"] + 3600')),
            "never returns, twice", boxes_started),
    Defence("the first process cannot be looked into", "it can",
            lambda: broken.guest("agent", ("_prctl(PR_SET_DUMPABLE, 0)",
                                           "_prctl(PR_SET_DUMPABLE, 1)")),
            "`first-process-opened`; it is right", attacked("first-process-opened", ONE)),
    Defence("a worker's reply is no longer than is due", "its length is not compared",
            lambda: broken.guest("frames", (" or body_length > self.max_body", "")),
            "`frame-of-exabytes`", attacked("frame-of-exabytes", ONE)),
    Defence("a worker does not keep the line to the host", "it does",
            lambda: broken.guest("agent", (
                "                self.requests,\n                self.replies,\n"
                "                self.errors,\n", "")),
            "`inherited-descriptors`; it is right", attacked("inherited-descriptors", ONE)),
    Defence("standard streams lead nowhere", "they stay as they are",
            lambda: broken.guest("agent", ("        os.dup2(null, fd)\n", "        pass\n")),
            "looks where its standard input leads; it is right",
            graded(STANDARD_INPUT, ONE, docker=True)),
    Defence("the first process ignores signals", "it does not",
            lambda: broken.guest("agent", ("handlers = _ignore_signals()", "handlers = {}")),
            "`signals-by-every-way`; it is right", attacked("signals-by-every-way", ONE)),
    Defence("processes end with their check", "the worker alone does",
            lambda: broken.guest("cleaning", ("os.kill(-1, signal.SIGKILL)",
                                              "os.kill(worker or 1 << 22, signal.SIGKILL)")),
            "`sockets-and-shared-memory`; it is right", attacked("sockets-and-shared-memory", TWO)),
    Defence("writable folders are emptied between checks", "they are not",
            lambda: broken.guest("agent", ("            cleaning.empty(folder)\n",
                                           "            pass\n")),
            "`answers-in-files`; it is right", attacked("answers-in-files", TWO)),
    Defence("/dev/shm is emptied between checks", "it is not",
            lambda: broken.name("grader.sandbox.docker.DockerBox.wiped", ["/tmp"]),
            "`shared-memory-leftovers`; it is right", attacked("shared-memory-leftovers", TWO)),
    Defence("folders that forbid everything are opened first", "they are not",
            lambda: broken.guest("cleaning", ("os.chmod(path, 0o700)", "pass")),
            "`undeletable-folders`; it is right", attacked("undeletable-folders", TWO)),
    Defence("a dead worker is noticed although its pipes are open", "it is not looked at",
            lambda: broken.guest("exchange", (
                "if not events and (status := agent.status()) is not None:", "if False:")),
            "leaves a child with its pipes and ends itself",
            graded(HELD_PIPES, ONE, "error", docker=True, request_seconds=2.0)),
    Defence("that memory ran out is the kernel's word", "the kernel is not asked",
            lambda: broken.name("grader.conversation.Conversation._memory_ran_out",
                                lambda self: False),
            "takes 900 MB where 700 are allowed",
            graded(MEMORY, ONE, "out_of_memory", docker=True, memory_mb=700)),
]  # fmt: skip
