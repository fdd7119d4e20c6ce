"""DLPack capsules made by hand, whose structs may say anything, and whose deleters are counted."""

import ctypes

KINDS = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}


class Array(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Unversioned(ctypes.Structure):
    name = b"dltensor"
    _fields_ = [("array", Array), ("owner", ctypes.c_void_p), ("deleter", Deleter)]


class Versioned(ctypes.Structure):
    name = b"dltensor_versioned"
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("owner", ctypes.c_void_p),
        ("deleter", Deleter),
        ("flags", ctypes.c_uint64),
        ("array", Array),
    ]


def function(name, result, *arguments):
    found = getattr(ctypes.pythonapi, name)
    found.restype, found.argtypes = result, arguments
    return found


new = function("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
pointer = function("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
name_of = function("PyCapsule_GetName", ctypes.c_char_p, ctypes.py_object)
set_name = function("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)

made = []  # structs and names, for as long as the process runs: capsules hold none of them


def rename(capsule, name):
    made.append(name)
    set_name(capsule, name)


class HandMade:
    """A capsule on the memory of an array; `fields` of the array, `flags` and `major` say other things than it."""

    def __init__(self, array, form=Versioned, flags=0, major=1, on_delete=lambda: None, **fields):
        self.deleted = 0

        def delete(address):
            self.deleted += 1
            assert address == ctypes.addressof(self.struct)
            on_delete()

        lengths = ctypes.c_int64 * 20
        self.struct = struct = form(deleter=Deleter(delete))
        steps = [s // array.itemsize for s in array.strides]
        told = {
            "data": array.ctypes.data,
            "device_type": 1,
            "rank": array.ndim,
            "code": KINDS[array.dtype.kind],
            "bits": 8 * array.itemsize,
            "lanes": 1,
            "shape": array.shape,
            "strides": steps,
        } | fields
        for name, value in told.items():
            if name in ("shape", "strides") and value is not None:
                value = ctypes.cast(lengths(*value), ctypes.POINTER(ctypes.c_int64))
            if value is not None:
                setattr(struct.array, name, value)
        if form is Versioned:
            struct.major, struct.flags = major, flags
        made.append((self, array))
        self.capsule = new(ctypes.addressof(struct), form.name, None)

    def __dlpack__(self, **asked):
        return self.capsule

    def __dlpack_device__(self):
        return (1, 0)
