"""MindSpore's names for checkpoints in another format: `ckpt_to_safetensors` and the way back.

adcore's files are in the format of safetensors under either suffix, so what changes is names: those of the files, and
those of the tensors where a map of them is given.
"""

import os
import re

from adcore import load_checkpoint, save_checkpoint


def ckpt_to_safetensors(file_path, save_path=None, name_map=None, file_name_regex=None, processes_num=1):
    """Write each ``.ckpt`` file of a folder again as a ``.safetensors`` file.

    Parameters
    ----------
    file_path : str or path
        A file, or a folder that has folders whose names start with "rank", with the files in them.
    save_path : str or path, optional
        The folder for the new files, with the same folders in it; by default they are written beside the old ones.
    name_map : dict, optional
        New names of tensors by the old ones.
    file_name_regex : str, optional
        Files whose names it is not found in are left out.
    processes_num : int
        Accepted for compatibility.

    Raises
    ------
    ValueError
        If there is no such file or folder, the file has another suffix, `save_path` is a file's, or two tensors of a
        file would get one name.

    Examples
    --------
    >>> import os, tempfile
    >>> import adcore
    >>> from adcore import nn
    >>> from adcore.mindspore import conversion
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "net.ckpt")
    ...     adcore.save_checkpoint(nn.Dense(3, 2), file)
    ...     conversion.ckpt_to_safetensors(file, name_map={"weight": "w"})
    ...     sorted(adcore.load_checkpoint(os.path.join(folder, "net.safetensors")))
    ['bias', 'w']
    """
    _convert("ckpt_to_safetensors", file_path, save_path, name_map, file_name_regex, ".ckpt", ".safetensors")


def safetensors_to_ckpt(file_path, save_path=None, name_map=None, file_name_regex=None, processes_num=1):
    """Write each ``.safetensors`` file of a folder again as a ``.ckpt`` file; see `ckpt_to_safetensors`.

    Parameters
    ----------
    file_path, save_path, name_map, file_name_regex, processes_num
        As there.

    Examples
    --------
    >>> import os, tempfile
    >>> import adcore
    >>> from adcore import nn
    >>> from adcore.mindspore import conversion
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "net.safetensors")
    ...     adcore.save_checkpoint(nn.Dense(3, 2), file, format="safetensors")
    ...     conversion.safetensors_to_ckpt(file)
    ...     sorted(os.listdir(folder))
    ['net.ckpt', 'net.safetensors']
    """
    _convert("safetensors_to_ckpt", file_path, save_path, name_map, file_name_regex, ".safetensors", ".ckpt")


def _convert(name, file_path, save_path, name_map, file_name_regex, old, new):
    if save_path is not None and os.path.splitext(save_path)[1]:
        raise ValueError(f"{name}: save_path must be a folder, got {str(save_path)!r}.")
    if os.path.isfile(file_path):
        if not str(file_path).endswith(old):
            raise ValueError(f"{name}: file_path must end with {old!r}, got {str(file_path)!r}.")
        files, root = [str(file_path)], os.path.dirname(file_path)
    elif os.path.isdir(file_path):
        folders = [f.path for f in sorted(os.scandir(file_path), key=lambda f: f.name) if f.name.startswith("rank")]
        if not any(map(os.path.isdir, folders)):
            raise ValueError(f"{name}: there are no folders rank... in {str(file_path)!r}.")
        files, root = [f.path for folder in folders if os.path.isdir(folder) for f in os.scandir(folder)], file_path
    else:
        raise ValueError(f"{name}: there is no file or folder {str(file_path)!r}.")
    for file in files:
        if file.endswith(old) and (file_name_regex is None or re.search(file_name_regex, os.path.basename(file))):
            loaded = load_checkpoint(file)
            renamed = {(name_map or {}).get(key, key): value for key, value in loaded.items()}
            if len(renamed) < len(loaded):
                raise ValueError(f"{name}: name_map gives two tensors of {file!r} one name.")
            strings = {key: value for key, value in renamed.items() if isinstance(value, str)}
            tensors = {key: value for key, value in renamed.items() if key not in strings}
            place = file if save_path is None else os.path.join(save_path, os.path.relpath(file, root))
            os.makedirs(os.path.dirname(place) or ".", exist_ok=True)
            save_checkpoint(tensors, place.removesuffix(old) + new, append_dict=strings, format=new[1:])


__all__ = ["ckpt_to_safetensors", "safetensors_to_ckpt"]
