"""The tensors of a pickled module, read without running code of the file or of the module's classes.

A pickle is a program: it names functions and classes, and whoever unpickles it calls them. Three things protect here:

* torch's own reader (`weights_only`) is the one that unpickles. It calls only the functions of its own list, which make
  tensors and containers.
* Each class that the user has named is replaced by an empty class of the same name, which has no code. So neither the
  code of torch.nn nor a module of the file's authors is imported or called. A class that is not named ends the reading.
* All this runs in a process of its own that has no network, where Linux lets a user give up the network. The process
  hands over tensors alone, as a safetensors file.
"""

import ctypes
import re
import subprocess
import sys
import tempfile
from pathlib import Path

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # of unshare(2): CLONE_NEWUSER, CLONE_NEWNET
REFUSED = 3  # exit status of the process: the last line of its output says why
MINUTES = 10  # for a process to end


def read_pickled_module(path: Path, classes: list[str], key: str) -> dict:
    """Read the tensors of a pickled module in a process of its own.

    Args:
        path: a file that `torch.save(model, file)` wrote.
        classes: full names of the classes that the file may hold, such as 'torch.nn.Linear'.
        key: that the entry stands under in the configuration, for messages.

    Returns:
        The tensors by the names that a state dict of the module has.

    Raises:
        ValueError: the file holds another class, or no module.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "state.safetensors")
        program = f"from {__name__} import main; main()"
        command = [sys.executable, "-c", program, str(path.resolve()), str(target), *classes]
        process = subprocess.run(
            command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60 * MINUTES, check=False
        )
        if process.returncode == 0:
            from safetensors.torch import load_file  # imports torch, see `module_state`

            return load_file(target)
        lines = (process.stdout if process.returncode == REFUSED else process.stderr).strip().splitlines()
        reason = lines[-1] if lines else f"its reader ended with status {process.returncode}"
        raise ValueError(f"{path}: {key}.classes: cannot be read as a pickled module: {reason}")


def main() -> None:
    """Write the tensors of `sys.argv[1]` to `sys.argv[2]`; the other arguments are the classes."""
    give_up_network()
    from safetensors.torch import save_file

    path, target, *classes = sys.argv[1:]
    try:
        save_file(module_state(Path(path), classes), target)
    except ValueError as error:
        print(error)
        sys.exit(REFUSED)


def give_up_network() -> bool:
    """Move this process into a network of its own, which has no device; return whether the system allows it."""
    # Not os.unshare, which Python has from 3.12 on.
    return ctypes.CDLL(None, use_errno=True).unshare(NEW_USER | NEW_NETWORK) == 0


def module_state(path: Path, classes: list[str]) -> dict:
    """Unpickle a module with empty classes in place of its own, and collect its tensors.

    Args:
        path: the file.
        classes: full names of the classes that the file may hold.

    Returns:
        The tensors by the names that a state dict of the module has.

    Raises:
        ValueError: the file holds another class, is damaged, or holds no module.
    """
    import torch  # after the network is given up: its threads would forbid that

    stand_ins = [(type(name, (), {}), name) for name in map(full_name, classes)]
    try:
        with torch.serialization.safe_globals(stand_ins):
            module = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises kinds of its own for damaged files
        if found := re.search(r"(?:GLOBAL|Unsupported class) ([\w.]+)", str(error)):
            raise ValueError(
                f"it holds the class or function {found[1]}, which is not listed; list it if you know that it is a "
                "class of the module, or save a state dict"
            ) from None
        raise ValueError("it is truncated, damaged or of another kind; copy the file again") from None
    if not hasattr(module, "_modules"):
        raise ValueError("it holds no module; leave the key out")
    return dict(_walk(module, ""))


def full_name(name: str) -> str:
    """The name that a pickle has for a class: 'torch.nn.modules.linear.Linear' for 'torch.nn.Linear'."""
    import torch

    short = name.removeprefix("torch.nn.")
    found = getattr(torch.nn, short, None) if short != name and short.isidentifier() else None
    return f"{found.__module__}.{found.__qualname__}" if isinstance(found, type) else name


def _walk(module: object, prefix: str):
    """The parameters and persistent buffers of a module and its parts, by name, as `state_dict` has them."""
    attributes = vars(module)
    hidden = attributes.get("_non_persistent_buffers_set", ())
    for kind in ("_parameters", "_buffers"):
        for name, tensor in attributes.get(kind, {}).items():
            if tensor is not None and name not in hidden:
                yield prefix + name, tensor.detach().contiguous()
    for name, part in attributes.get("_modules", {}).items():
        if part is not None:
            yield from _walk(part, f"{prefix}{name}.")
