"""Starts a program and, when told to on its standard input, stops one of its threads and lets it go on: to the rest of the program, a thread that
writes to a disk that does not answer. It says the program's process number first, then a line for each order, and ends as the program does."""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys

SEIZE, INTERRUPT, DETACH, EVERY_CHILD = 0x4206, 0x4207, 17, 0x40000000
DIE_WITH_PARENT = 1

system = ctypes.CDLL(None, use_errno=True)
system.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
system.ptrace.restype = ctypes.c_long


def main():
    die = lambda: system.prctl(DIE_WITH_PARENT, signal.SIGKILL)
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=die)
    print(program.pid, flush=True)
    frozen = None
    for name in sys.stdin:
        if frozen is not None:
            system.ptrace(DETACH, frozen, None, None)
        # An empty line lets it go on.
        frozen = freeze(program.pid, name.strip()) if name.strip() else None
        print("denied" if name.strip() and frozen is None else "done", flush=True)
    if frozen is not None:
        system.ptrace(DETACH, frozen, None, None)
    ended = program.wait()
    sys.exit(ended if ended >= 0 else 128 - ended)


def freeze(process, name):
    tasks = pathlib.Path(f"/proc/{process}/task").iterdir()
    [thread] = [int(task.name) for task in tasks if (task / "comm").read_text().strip() == name]
    if system.ptrace(SEIZE, thread, None, None) != 0:
        print(os.strerror(ctypes.get_errno()), file=sys.stderr)
        return None
    system.ptrace(INTERRUPT, thread, None, None)
    os.waitpid(thread, EVERY_CHILD)
    return thread


if __name__ == "__main__":
    main()
