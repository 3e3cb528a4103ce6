"""Takes from the process that runs this whatever code from elsewhere has no business with.

Needs nothing but Python's own library, because the process that decides for a written policy has nothing else. The
filter of system calls is Linux's (`man 2 seccomp`), for x86-64; elsewhere limits alone hold, and `confine` says so.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
from collections.abc import Iterable
from itertools import pairwise

#: linux/audit.h, linux/seccomp.h and linux/filter.h.
_X86_64 = 0xC000003E
_KILL, _ALLOW, _REFUSE = 0x80000000, 0x7FFF0000, 0x00050001  # the last with errno EPERM
_LOAD, _EQUAL, _HAS_BITS, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_NO_NEW_PRIVILEGES, _SET_FILTER, _FILTER_MODE, _DIE_WITH_PARENT = 38, 22, 2, 1
_EXECUTABLE = 4  # PROT_EXEC
_WRITES = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND

#: What a process needs to compute, to have memory and to end: mmap, mprotect, munmap, brk, rt_sigaction,
#: rt_sigprocmask, rt_sigreturn, mremap, madvise, exit, sigaltstack, futex, clock_gettime, exit_group.
_READ, _WRITE, _MMAP, _MPROTECT = 0, 1, 9, 10
_COMPUTING = (11, 12, 13, 14, 15, 25, 28, 60, 131, 202, 228, 231)
#: What a simulation never does: processes (clone, fork, vfork, execve, execveat, clone3, kill, tkill, tgkill, ptrace,
#: process_vm_readv, process_vm_writev, pidfd_open, pidfd_send_signal, pidfd_getfd, unshare, setns), the network
#: (socket, connect, accept, sendto, sendmsg, bind, listen, socketpair, accept4), changes of files (creat, unlink,
#: unlinkat, rename, renameat, renameat2, mkdir, mkdirat, rmdir, link, linkat, symlink, symlinkat, chmod, fchmod,
#: fchmodat, chown, fchown, lchown, fchownat, truncate, mknod, mknodat, mount, umount2, chroot, pivot_root), and
#: doors to the kernel (bpf, io_uring_setup, memfd_create, userfaultfd, perf_event_open, openat2, keyctl).
_ALIEN = (
    *(56, 57, 58, 59, 322, 435, 62, 200, 234, 101, 310, 311, 434, 424, 438, 272, 308),
    *(41, 42, 43, 44, 46, 49, 50, 53, 288),
    *(85, 87, 263, 82, 264, 316, 83, 258, 84, 86, 265, 88, 266, 90, 91, 268, 92, 93, 94, 260, 76, 133, 259, 165, 166),
    *(161, 155, 321, 425, 319, 323, 298, 437, 250),
)
_OPEN, _OPENAT = 2, 257


def limit(memory_bytes: int, cpu_s: int) -> None:
    """Bound this process: memory beyond what it has, processor time, files and processes."""
    _bound(resource.RLIMIT_AS, _present_bytes() + memory_bytes)
    _bound(resource.RLIMIT_CPU, cpu_s)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_FSIZE, 0)
    _bound(resource.RLIMIT_NPROC, 0)


def only_compute() -> bool:
    """Leave this process nothing but to compute, read standard input and write standard output.

    Any other system call ends it at once. Whether that holds: False where there is no such filter.
    """
    rules = [
        *_when_argument(_READ, 0, 0),
        *_when_argument(_WRITE, 0, 1),
        *_unless_bits(_MMAP, 2, _EXECUTABLE, _KILL),
        *_unless_bits(_MPROTECT, 2, _EXECUTABLE, _KILL),
        *_each(_COMPUTING, _ALLOW),
    ]
    return _install(rules, _KILL)


def only_simulate() -> bool:
    """Refuse this process all that no simulation does: processes, the network, changes of files.

    Whether that holds: False where there is no such filter.
    """
    rules = [
        *_unless_bits(_OPEN, 1, _WRITES, _REFUSE),
        *_unless_bits(_OPENAT, 2, _WRITES, _REFUSE),
        *_each(_ALIEN, _REFUSE),
    ]
    return _install(rules, _ALLOW)


def end_with_parent() -> None:
    """Let this process be killed when whoever started it ends; nothing where there is no such thing."""
    if platform.system() == "Linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)


def close_all_but(kept: Iterable[int]) -> None:
    """Close every file that this process has been handed but these."""
    wanted = sorted({-1, *kept, os.sysconf("SC_OPEN_MAX")})
    for low, high in pairwise(wanted):
        if low + 1 < high:  # an empty range would mean everything
            os.closerange(low + 1, min(high, 1 << 20))


_Instruction = tuple[int, int, int, int]


def _when_argument(call: int, place: int, value: int) -> list[_Instruction]:
    """Allow a call with this value of an argument; with another one the process ends."""
    return [
        (_EQUAL, 0, 4, call),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * place),
        (_EQUAL, 0, 1, value),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _KILL),
    ]


def _unless_bits(call: int, place: int, bits: int, otherwise: int) -> list[_Instruction]:
    """Allow a call unless an argument has any of these bits."""
    return [
        (_EQUAL, 0, 4, call),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * place),
        (_HAS_BITS, 0, 1, bits),
        (_RETURN, 0, 0, otherwise),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _each(calls: Iterable[int], verdict: int) -> list[_Instruction]:
    return [rule for call in calls for rule in ((_EQUAL, 0, 1, call), (_RETURN, 0, 0, verdict))]


def _install(rules: list[_Instruction], otherwise: int) -> bool:
    """Hand the rules to the kernel, for this process and all that it might start; no privilege is needed."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _X86_64),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (0x35, 0, 1, 0x40000000),  # calls of the x32 interface have numbers of their own from here on
        (_RETURN, 0, 0, _KILL),
        *rules,
        (_RETURN, 0, 0, otherwise),
    ]
    code = b"".join(struct.pack("=HBBI", *one) for one in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("@HxxxxxxQ", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_SET_FILTER, _FILTER_MODE, ctypes.create_string_buffer(head, len(head)), 0, 0) == 0)


def _bound(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(kind, (most, most))
    except (OSError, ValueError):  # a limit that a system does not have
        return


def _present_bytes() -> int:
    """Address space that this process has now."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 1 << 30
