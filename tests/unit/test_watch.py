"""Watching a GPU through a library of our making, and a machine that has none."""

# ruff: noqa: N802 - NVIDIA's names
import sys
import types

import pytest

from grader.devices import identity, nvml, rates, watch
from grader.devices.device import Device
from grader.devices.identity import Identity

GPU = Identity("cuda:3", "GPU-aaaa", "H100")
OURS, THEIRS = 100, 666


class Library(types.ModuleType):
    """What of NVIDIA's library is asked for; ``missing`` are functions that say "not supported"."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU, NVML_ERROR_NOT_FOUND = 1, 2, 0, 6

    class NVMLError(Exception):
        value = 3

    def __init__(self, processes=(OURS,), shares=None, reasons=0, missing=()):
        super().__init__("pynvml")
        self.pids, self.samples, self.bits = processes, shares or {}, reasons
        self.clocks = iter(range(1980, 1000, -10))

        def refused(*_):
            raise Library.NVMLError("not supported")

        for name in missing:
            setattr(self, name, refused)

    def nvmlInit(self):
        pass

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetMinorNumber(self, handle):
        return {0: 7, 1: 3}[handle]

    def nvmlDeviceGetUUID(self, handle):
        return {0: b"GPU-zero", 1: "GPU-one"}[handle]

    def nvmlDeviceGetName(self, handle):
        return b"NVIDIA H100"

    def nvmlSystemGetDriverVersion(self):
        return "580.1"

    def nvmlDeviceGetClockInfo(self, handle, kind):
        return next(self.clocks) if kind == 1 else 2619

    def nvmlDeviceGetMaxClockInfo(self, handle, kind):
        return 1980

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle):
        return self.bits

    def nvmlDeviceGetTemperature(self, handle, sensor):
        return 40

    def nvmlDeviceGetComputeRunningProcesses(self, handle):
        return [types.SimpleNamespace(pid=pid) for pid in self.pids]

    def nvmlDeviceGetProcessUtilization(self, handle, since):
        return [types.SimpleNamespace(pid=p, smUtil=u, timeStamp=50) for p, u in
                self.samples.items()] if since < 50 else []  # fmt: skip


@pytest.fixture
def seen(monkeypatch):
    """Watch for two rounds with such a library; return what was seen."""

    def seen(**how):
        library = Library(**how)
        monkeypatch.setattr(nvml.Gpu, "latest", lambda self: 10)
        monkeypatch.setitem(sys.modules, "pynvml", library)
        watched = watch.watch(GPU, lambda: {OURS})
        watched.look()
        return watched.end()

    return seen


def test_a_gpu_to_oneself_is_not_disturbed(seen):
    """Clocks, temperature and driver are written down; our own work disturbs nobody."""
    found = seen(shares={OURS: 97})
    assert found.disturbed == ""
    listed = found.listing()
    assert listed["clock_mhz"] == [1960, 1980]
    assert (listed["celsius"], listed["driver"]) == ([40, 40], "580.1")
    assert listed["foreign_processes"] == []


def test_a_busy_process_of_somebody_else_disturbs(seen):
    """Its number and its share are kept; one that only holds memory does not count."""
    found = seen(processes=(OURS, THEIRS, 667), shares={OURS: 40, THEIRS: 60})
    assert found.foreign == {THEIRS: 60, 667: 0}
    assert found.disturbed == "1 other process used the GPU"


def test_who_came_and_went_is_seen_by_its_share(seen):
    """A process that was on the GPU between two looks is found afterwards."""
    assert seen(shares={OURS: 40, THEIRS: 60}).foreign == {THEIRS: 60}


def test_a_foreign_process_of_unknown_share_counts(seen):
    """Where the GPU does not tell shares, whoever is there may have disturbed."""
    found = seen(processes=(OURS, THEIRS), missing=("nvmlDeviceGetProcessUtilization",))
    assert found.foreign == {THEIRS: None}
    assert found.disturbed
    assert "does not tell" in found.note


def test_numbers_that_mean_nothing_here_accuse_nobody(seen):
    """Where not even our own processes are recognised, no other one is called foreign."""
    found = seen(processes=(5, 6), shares={5: 50, 6: 50})
    assert (found.foreign, found.disturbed) == ({}, "")
    assert "other numbers" in found.note


@pytest.mark.parametrize(("bits", "words"), [(0x40, "thermal"), (0x80, "power brake"), (0x04, "")])
def test_a_gpu_that_is_kept_slow_is_disturbed(seen, bits, words):
    """Heat and power failures disturb; a cap of power under full load is only remarked on."""
    found = seen(reasons=bits | 0x01)
    assert words in found.disturbed
    assert bool(found.disturbed) == bool(words)
    assert bool(found.remarks) == (not words)


def test_what_a_gpu_keeps_to_itself_is_not_known(seen):
    """No answer is no error."""
    kept = [name for name in dir(Library) if name.startswith("nvmlDeviceGetC")]
    found = seen(missing=[*kept, "nvmlDeviceGetTemperature"])
    assert found.listing()["clock_mhz"] is None
    assert not found.disturbed


def test_the_gpu_is_known_by_the_number_of_its_device_file(monkeypatch):
    """A machine that shows some of its GPUs counts them anew; /dev/nvidia3 is still number 3."""
    monkeypatch.setitem(sys.modules, "pynvml", Library())
    assert identity.of("cuda:3") == Identity("cuda:3", "GPU-one", "NVIDIA H100")
    assert identity.of("cuda:7").key == "GPU-zero"


def test_without_the_library_it_is_said_and_nothing_fails(monkeypatch, tmp_path):
    """The driver's own files tell the UUID then; without them the number has to do."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    found = watch.watch(GPU, set).end()
    assert "pip install" in found.note
    assert found.disturbed == ""
    monkeypatch.setattr(identity, "GPUS_FOLDER", tmp_path)
    assert identity.of("cuda:3").key == "cuda-3"
    (tmp_path / "0000:01").mkdir()
    (tmp_path / "0000:01" / "information").write_text(
        "Model: \t\t NVIDIA H100\nGPU UUID: \t GPU-from-file\nDevice Minor: \t 3\n"
    )
    assert identity.of("cuda:3") == Identity("cuda:3", "GPU-from-file", "NVIDIA H100")


def test_nobody_asks_for_the_library_on_a_cpu(monkeypatch):
    """Grading on a CPU never imports it."""
    monkeypatch.setattr(nvml, "gpu", lambda index: pytest.fail("asked for a GPU"))
    found = watch.watch(identity.of("cpu"), set).end()
    assert len(found.load) == 2
    assert found.disturbed == ""


def test_a_crowded_machine_disturbs_where_wall_time_decides(monkeypatch):
    """More to do than there are cores matters only where nobody counts CPU time."""
    monkeypatch.setattr(watch.os, "getloadavg", lambda: (99.0, 0, 0))
    assert watch.watch(identity.of("cpu"), set).end().disturbed == ""
    assert watch.watch(identity.of("cpu"), set, by_wall_time=True).end().disturbed


# --- what is remembered ---------------------------------------------------------------------------


def test_numbers_are_remembered_of_a_gpu_until_they_are_forgotten(monkeypatch, tmp_path):
    """Each GPU has its own, a processor has none, and what cannot be kept costs nothing."""
    monkeypatch.setenv("GRADER_SIZES", str(tmp_path / "below" / "sizes.json"))
    one, other, cpu = Device("cuda:70"), Device("cuda:71"), Device("cpu")
    for device, value in ((one, 5), (other, 6), (cpu, 7)):
        device.remember("ladder", value)
    assert [device.recall("ladder") for device in (one, other, cpu)] == [5, 6, None]
    assert one.recall("another") is None
    one.forget()
    assert (one.recall("ladder"), other.recall("ladder")) == (None, 6)
    monkeypatch.setenv("GRADER_SIZES", str(tmp_path / "below" / "sizes.json" / "no folder"))
    one.remember("ladder", 5)
    assert one.recall("ladder") is None


# --- rates ----------------------------------------------------------------------------------------


def test_rates_are_kept_by_device(monkeypatch, tmp_path):
    """What was measured of one device is not taken for another's, and comes back as it was."""
    monkeypatch.setenv(rates.ENVIRONMENT, str(tmp_path / "below" / "rates.json"))
    cpu = Identity("cpu", "cpu", "EPYC")
    assert rates.of(cpu) is None
    measured = rates.Rates("EPYC", 2e10, 9e10, "docker", "2.13")
    rates.keep(cpu, measured)
    rates.keep(GPU, rates.Rates("H100", 2.6e12, 5e13, "docker", "2.13"))
    assert rates.of(cpu) == measured
    assert rates.of(GPU).name == "H100"
    assert rates.of(Identity("cpu", "cpu", "another")) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"EPYC": {"name": "EPYC"}}', '{"EPYC": 3}'])
def test_a_broken_file_of_rates_is_none(monkeypatch, tmp_path, text):
    """Nothing fails for what is only shown beside the figures."""
    monkeypatch.setenv(rates.ENVIRONMENT, str(tmp_path / "rates.json"))
    (tmp_path / "rates.json").write_text(text)
    assert rates.of(Identity("cpu", "cpu", "EPYC")) is None


def test_the_bound_is_the_larger_of_memory_and_arithmetic():
    """By hand: 1e9 bytes at 1e10 a second are 0.1 s, 1e9 flops at 1e11 a second 0.01 s."""
    found = rates.Rates("x", 1e10, 1e11, "docker", "2")
    assert found.least(1e9, 1e9) == pytest.approx(0.1)
    assert found.least(1e11, 1e9) == pytest.approx(1.0)
