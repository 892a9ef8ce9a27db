"""Warm starts: jobs on one machine share the imports of torch, pandas and others, which take seconds in each job.

A server imports once what the jobs need, and runs each job's script in a fork of itself. Snakemake starts a small
program in place of Python, `warm_client`, which hands its script, folder, environment and open files to the server
through a socket in a folder that only the user can open. The job writes the same log and ends with the same exit code.

The server computes nothing: a process can be forked safely before it has threads, and before it uses a GPU. The server
ends with Snakemake. A job is killed when its client ends, and a client ends by the signal that ended its job.
"""

import atexit
import gc
import json
import os
import re
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path

LARGEST = 2**20  # bytes of a job's script, folder and environment
SCRIPTS = Path(__file__).resolve().parents[2]
CLIENT = Path(__file__).with_name("warm_client.py")


def start(modules: list[str]) -> str | None:
    """Start the server of this process.

    Args:
        modules: Names of the modules that the server imports. It leaves out what it cannot import: the job says why.

    Returns:
        Path of the program that Snakemake starts in place of Python; None where this system has no warm starts.
    """
    if not hasattr(os, "pidfd_open"):
        return None
    folder = Path(tempfile.mkdtemp(prefix="warm_starts."))
    address, program = folder / "socket", folder / "python"
    command = f'#!/bin/sh\nexec {sys.executable} -I -S {CLIENT} {address} {sys.executable} "$@"\n'
    program.write_bytes(os.fsencode(command))
    program.chmod(0o700)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listener.bind(str(address))
        usable = os.access(program, os.X_OK) and not re.search(r"[^\w./+=@,~-]", str(folder))
    except OSError:  # the path is too long for a socket
        usable = False
    if not usable:  # nor can the folder forbid programs, or have a name that a shell would read
        listener.close()
        shutil.rmtree(folder)
        return None
    listener.listen(1024)
    alive, _ = os.pipe()  # the other end stays open as long as this process lives
    subprocess.Popen(
        [sys.executable, __file__, str(folder), str(listener.fileno()), str(alive), *modules],
        pass_fds=(listener.fileno(), alive),
        start_new_session=True,  # Ctrl-C reaches jobs through their clients
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    os.close(alive)
    listener.close()
    return str(program)


def main(folder: str, listener: str, alive: str, *modules: str) -> None:
    """Import, then start jobs until Snakemake has ended. In a job's process, run the job's script.

    Args:
        folder: Of the socket. It is removed at the end.
        listener: File descriptor of the listening socket.
        alive: File descriptor of a pipe that closes when Snakemake ends.
        modules: Names of the modules to import.
    """
    sys.path[0] = str(SCRIPTS)
    for name in modules:
        with suppress(Exception):
            import_module(name)
    gc.freeze()  # collections in jobs then leave the shared memory shared
    job = _serve(socket.socket(fileno=int(listener)), int(alive))
    if job is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    os.chdir(job["folder"].encode("latin-1"))  # the client sends bytes as text
    os.environb.clear()
    for name, value in job["environment"].items():
        os.environb[name.encode("latin-1")] = value.encode("latin-1")
    script = os.fsdecode(job["script"].encode("latin-1"))
    sys.argv, sys.path[0] = [script], str(Path(script).parent)
    runpy.run_path(script, run_name="__main__")
    # All that Python does at its end, except that modules are not taken down. That would copy the server's memory, and
    # take 0.4 s of a processor.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _serve(listener: socket.socket, alive: int) -> dict | None:
    """Start jobs. The function returns a job in the job's own process, and None when Snakemake has ended."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(alive, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj == alive:
                    return None
                if key.fileobj is listener:
                    if job := _start_job(listener, selector):
                        return job
                elif isinstance(key.fileobj, int):
                    _end_job(key, selector)
                else:
                    _pass_signal_on(key, selector)


def _start_job(listener: socket.socket, selector: selectors.BaseSelector) -> dict | None:
    """Fork. In the child, return the job with the client's files as its own."""
    connection, _ = listener.accept()
    message, files, *_ = socket.recv_fds(connection, LARGEST, 3)
    if len(files) < 3:  # the client ended before it sent a job
        connection.close()
        return None
    if pid := os.fork():
        for file in files:
            os.close(file)
        ended = os.pidfd_open(pid)
        selector.register(ended, selectors.EVENT_READ, (pid, connection))
        selector.register(connection, selectors.EVENT_READ, ended)
        return None
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    for key in list(selector.get_map().values()):  # what belongs to the server and to other jobs
        os.close(key.fileobj) if isinstance(key.fileobj, int) else key.fileobj.close()
    connection.close()
    return json.loads(message)


def _end_job(key: selectors.SelectorKey, selector: selectors.BaseSelector) -> None:
    """Tell the client of a job that has ended how it ended."""
    pid, connection = key.data
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):  # the client has ended, too
        connection.send(str(status).encode())
    for end in (key.fileobj, connection):
        with suppress(KeyError):
            selector.unregister(end)
    os.close(key.fileobj)
    connection.close()


def _pass_signal_on(key: selectors.SelectorKey, selector: selectors.BaseSelector) -> None:
    """Send a job the signal that its client got; kill it if the client has ended."""
    received = key.fileobj.recv(1)
    if not received:
        selector.unregister(key.fileobj)
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(key.data, received[0] if received else signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
