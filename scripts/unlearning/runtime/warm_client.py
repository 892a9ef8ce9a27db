"""Runs a job's script by the server of warm starts, as if this process ran it. See `warm_starts`.

Snakemake starts this program in place of Python. The program imports little, so that it starts in some milliseconds.
Usage: `warm_client.py SOCKET PYTHON ARGUMENT...`. Without a server, PYTHON runs the arguments.
"""

import json
import os
import signal
import socket
import sys

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


def main(address: str, python: str, *arguments: str) -> None:
    """Hand the job over, pass signals on, and end as the job ends.

    Args:
        address: Path of the server's socket.
        python: The interpreter, for what the server does not run.
        arguments: Of Python. The server runs a script without arguments.
    """
    if len(arguments) != 1 or not arguments[0].endswith(".py"):
        os.execv(python, [python, *arguments])
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Bytes as text, whatever the locale takes them for.
    script = os.fsencode(arguments[0]).decode("latin-1")
    folder = os.getcwdb().decode("latin-1")  # noqa: PTH109 -- pathlib starts slowly
    environment = {name.decode("latin-1"): value.decode("latin-1") for name, value in os.environb.items()}
    job = {"script": script, "folder": folder, "environment": environment}
    try:
        connection.connect(address)
        socket.send_fds(connection, [json.dumps(job).encode()], [0, 1, 2])
    except OSError:  # the server has ended, or the environment is too large for a message
        os.execv(python, [python, *arguments])
    for number in FORWARDED:
        signal.signal(number, lambda number, _: connection.send(bytes([number])))
    answer = connection.recv(16)
    status = int(answer) if answer else signal.SIGKILL  # a server that was killed says nothing
    if os.WIFSIGNALED(status):
        for number in FORWARDED:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main(*sys.argv[1:])
