"""The reason that is shown of a program that ended with a stack trace."""

import json

import pytest

from runner.steps.listener import Listener

_TRACE = """\
github.com/restic/restic/internal/repository.(*Repository).LoadBlob
\tgithub.com/restic/restic@v0.19.1/internal/repository/repository.go:312
main.runLs
\tgithub.com/restic/restic@v0.19.1/cmd/restic/cmd_ls.go:411
golang.org/x/sync/errgroup.(*Group).Go.func1
\tgolang.org/x/sync@v0.20.0/errgroup/errgroup.go:93
runtime.main
\truntime/proc.go:290
runtime.goexit
\truntime/asm_amd64.s:1771"""
_GOROUTINES = """\
goroutine 1 gp=0xc000002380 m=0 mp=0x1b6d4a0 [running]:
panic({0x1234560?, 0xc000123456?})
\t/usr/local/go/src/runtime/panic.go:787 +0x132
github.com/restic/restic/internal/archiver.(*Archiver).saveDir(0xc0001, {0x18, 0xc0})
\t/restic/internal/archiver/archiver.go:300 +0x1e5
created by golang.org/x/sync/errgroup.(*Group).Go in goroutine 1
\t/go/pkg/mod/golang.org/x/sync/errgroup/errgroup.go:78 +0x95

rax    0x0
r10    0xc000123456
rip    0x46f321
exit status 2""" + "\n".join(
    f"\ngoroutine {n} [select]:\nruntime.gopark(0x1, 0x2)\n\t/go/src/runtime/proc.go:{n} +0x1"
    for n in range(90)
)  # longer than what is kept


def _fatal(message: str) -> str:
    return json.dumps({"message_type": "exit_error", "code": 1, "message": message})


_SAID = {
    "a message and its trace": (
        _fatal(f"id 3f7dcca1 not found in the list\n{_TRACE}"), "id 3f7dcca1 not found in the list"
    ),
    "the same as text": (f"config file has a hole?\n{_TRACE}", "config file has a hole?"),
    "wrapped twice": (
        _fatal(f"open /state/cache/CACHEDIR.TAG: permission denied\nwriteCachedirTag\n{_TRACE}"),
        "writeCachedirTag: open /state/cache/CACHEDIR.TAG: permission denied",
    ),
    "wrapped, each with a trace": (
        _fatal(f"strconv: invalid syntax\n{_TRACE}\nreadVersion\n{_TRACE}"),
        "readVersion: strconv: invalid syntax",
    ),
    "a fatal error of many lines": (
        _fatal("Fatal: unable to open repository at /x: stat failed\n\nsee the manual for more"),
        "unable to open repository at /x: stat failed",
    ),
    "a fatal error after retries": (
        "Load(<key/1>) returned error, retrying after 1s: EOF\nFatal: Fatal: cannot go on\n\n  \n",
        "cannot go on",
    ),
    "a panic": (
        f"panic: runtime error: index out of range [3] with length 3\n\n{_GOROUTINES}",
        "panic: runtime error: index out of range [3] with length 3",
    ),
    "a panic in a panic": (
        ("panic: first [recovered]\n\tpanic: second\n[signal SIGSEGV: segmentation violation "
        f"code=0x1 addr=0x0 pc=0x46]\n{_GOROUTINES}"),
        "panic: first [recovered]",
    ),
    "a fatal error of the runtime": (
        f"fatal error: concurrent map writes\n\n{_GOROUTINES}", "fatal error: concurrent map writes"
    ),
    "no memory": (
        ("runtime: out of memory: cannot allocate 4194304-byte block (58720256 in use)\n"
        f"fatal error: out of memory\n\nruntime stack:\n{_GOROUTINES}"),
        "runtime: out of memory: cannot allocate 4194304-byte block (58720256 in use)",
    ),
    "a signal": (
        f"SIGSEGV: segmentation violation\nPC=0x46f321 m=0 sigcode=1\n\n{_GOROUTINES}",
        "SIGSEGV: segmentation violation",
    ),
    "a stack that is too deep": (
        ("runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n"
        f"{_GOROUTINES}"),
        "runtime: goroutine stack exceeds 1000000000-byte limit",
    ),
    "a signal from outside": (f"SIGQUIT: quit\nPC=0x47 m=0\n{_GOROUTINES}", "SIGQUIT: quit"),
    "words before what all threads did": (
        f"the reason\n\n{_GOROUTINES}\n[signal SIGTERM: x]\nexit status 2", "the reason"
    ),
    "a last line that looks like a name": ("b2.upload.failed", "b2.upload.failed"),
    "nothing but a trace": (_TRACE, "exit status 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", _SAID)
def test_a_line_of_a_stack_trace_is_not_reported_as_the_cause(case: str) -> None:
    """restic prints hundreds of lines after the one that says why."""
    written, expected = _SAID[case]
    listener = Listener()
    for line in written.split("\n"):
        listener.stderr(line, 0)

    assert listener.completed(2, "").said == expected
