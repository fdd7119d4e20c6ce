"""Tensors that leave and arrive: DLPack, arrays of NumPy, copies and pickles. The oracle is NumPy."""

import contextlib
import copy
import ctypes
import gc
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import weakref

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, jvp, ops, vmap
from capsules import HandMade, Unversioned, Versioned, name_of, pointer, rename
from helpers import array_of, check, f32, t32

DTYPES = ["bool_", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
DTYPES += ["float16", "float32", "float64"]

# ---- out -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DTYPES)
def test_numpy_reads_every_dtype_and_layout(name):
    array = (np.arange(24) % 3).astype(name.rstrip("_")).reshape(2, 3, 4)
    t = Tensor(array)
    for view in (
        lambda a: a,
        lambda a: a[:, ::2],
        lambda a: a.transpose(2, 0, 1),
        lambda a: a[1, 2, 3],
        lambda a: a[:0],
    ):
        got, expected = np.from_dlpack(view(t)), view(array)
        assert got.dtype == array.dtype and got.shape == expected.shape
        np.testing.assert_array_equal(got, expected)
    assert t.__dlpack_device__() == (1, 0)


@pytest.mark.parametrize("make", [lambda a: Tensor(a)[::-2], lambda a: adcore.from_numpy(a[::-2])])
def test_what_runs_backwards_is_copied_for_libraries_that_know_no_such_strides(make):
    array = np.arange(6.0)
    t = make(array)
    got = np.from_dlpack(t)
    np.testing.assert_array_equal(got, array[::-2])
    assert got.strides == (8,)
    assert np.from_dlpack(t, copy=False).strides == (-16,)


class Versionless:
    """An exporter or importer from before version 1.0 of the protocol."""

    def __init__(self, owner):
        self.owner = owner

    def __dlpack__(self, stream=None):
        return self.owner.__dlpack__()

    def __dlpack_device__(self):
        return self.owner.__dlpack_device__()


def exported(t, **options):
    """What NumPy makes of a capsule."""

    class Holder(Versionless):
        def __dlpack__(self, **asked):
            return t.__dlpack__(**options)

    return np.from_dlpack(Holder(t))


def address(t):
    return np.asarray(memoryview(t)).__array_interface__["data"][0]


def test_memory_is_shared_where_the_consumer_learns_that_it_is_read_only():
    t = t32(1.0, 2.0)
    shared = exported(t, max_version=(1, 0))
    assert shared.__array_interface__["data"][0] == address(t) and not shared.flags.writeable
    for options in ({}, {"max_version": (0, 8)}, {"max_version": (1, 0), "copy": True}, {"copy": True}):
        copied = exported(t, **options)
        assert copied.__array_interface__["data"][0] != address(t)
        np.testing.assert_array_equal(copied, [1.0, 2.0])
    with pytest.raises(BufferError, match="read-only, which DLPack can tell from version 1.0 on"):
        t.__dlpack__(copy=False)
    assert exported(t, max_version=(1, 0), copy=False).__array_interface__["data"][0] == address(t)


def test_a_write_to_the_tensor_does_not_reach_what_was_exported():
    t = t32(1.0, 2.0)
    shared = exported(t, max_version=(1, 0))
    t[0] = 5.0
    t.add_(1.0)
    np.testing.assert_array_equal(shared, [1.0, 2.0])
    check(t, f32([6.0, 3.0]))


def test_exported_memory_lives_as_long_as_its_consumer():
    before = adcore.memory_stats()["bytes_reserved"]
    t = ops.ones((1 << 20,), adcore.float32) * 3
    shared = exported(t, max_version=(1, 0))
    del t
    gc.collect()
    others = [ops.zeros((1 << 20,), adcore.float32) for _ in range(4)]
    assert float(shared.min()) == float(shared.max()) == 3.0
    del shared, others
    for _ in range(20):  # neither a capsule that nobody consumes nor one that is consumed keeps the memory
        u = ops.ones((1 << 20,), adcore.float32)
        u.__dlpack__(), u.__dlpack__(max_version=(1, 0)), np.from_dlpack(u)
    del u
    adcore.empty_cache()
    assert adcore.memory_stats()["bytes_reserved"] <= before + (1 << 21)


def test_numbers_of_a_derivative_leave_with_a_warning_and_those_of_a_batch_not_at_all():
    def f(x):
        with pytest.warns(adcore.DetachedWarning, match="__dlpack__"):
            constant = Tensor(np.from_dlpack(x * 2))
        np.testing.assert_array_equal(np.from_dlpack(ops.stop_gradient(x)), array_of(ops.stop_gradient(x)))
        return x * constant

    x = t32(1.0, 3.0)
    check(grad(f)(x), f32([2.0, 6.0]))
    check(jvp(f, x, t32(1.0, 1.0))[1], f32([2.0, 6.0]))
    with pytest.raises(ValueError, match="differs between the members"):
        vmap(lambda x: Tensor(np.from_dlpack(x)))(x)
    with pytest.raises(adcore.RecordingError, match="not known while a function is recorded"):
        adcore.jit(lambda x: Tensor(np.from_dlpack(x)))(x)


def test_requests_that_the_cpu_cannot_meet():
    t = t32(1.0)
    with pytest.raises(ValueError, match="the CPU has no streams"):
        t.__dlpack__(stream=1)
    with pytest.raises(BufferError, match="not on device"):
        t.__dlpack__(dl_device=(2, 0))
    with pytest.raises(TypeError, match="copy must be True, False or None"):
        t.__dlpack__(copy="no")
    t.__dlpack__(dl_device=(1, 0))


# ---- in ------------------------------------------------------------------------------------------------------------


VIEWS = {
    "whole": lambda a: a,
    "backward": lambda a: a[:, ::-1],
    "transposed": lambda a: a.T,
    "one element": lambda a: a[1, 2, 3:4].reshape(()),
    "nothing": lambda a: a[:, :0],
    "steps": lambda a: a[::-1, 1::2, ::3],
    "repeated": lambda a: np.broadcast_to(a[0], (2, 3, 4)),
}


@pytest.mark.parametrize("wrap", [lambda a: a, Versionless, lambda a: a.__dlpack__()], ids=["now", "before", "capsule"])
@pytest.mark.parametrize("name", DTYPES)
def test_arrays_of_numpy_share_their_memory(name, wrap):
    array = (np.arange(24) % 3).astype(name.rstrip("_")).reshape(2, 3, 4)
    for view in (of(array) for of in VIEWS.values()):
        if not view.flags.writeable and wrap is not VIEWS["whole"] and not hasattr(wrap, "owner"):
            view = view.copy()  # NumPy tells no old consumer of memory that is read-only
        t = adcore.from_dlpack(wrap(view))
        assert t.dtype is getattr(adcore, name) and tuple(t.shape) == view.shape
        np.testing.assert_array_equal(array_of(t), view)
        if view.size:
            assert np.shares_memory(array_of(t), view)
        own = adcore.from_dlpack(view, copy=True)
        np.testing.assert_array_equal(array_of(own), view)
        assert not np.shares_memory(array_of(own), view)


@pytest.mark.parametrize("make", [adcore.from_dlpack, adcore.from_numpy])
def test_changes_of_an_array_show_and_nothing_here_changes_it(make):
    array = np.array([1.0, 2.0], np.float32)
    t = make(array)
    parameter = Parameter(t, name="p")
    copies = [Tensor(t), t.copy(), copy.copy(t), copy.deepcopy(t), t.clone(), parameter]
    array[0] = 5.0
    check(t, f32([5.0, 2.0]))
    for own in copies:
        check(own.value() if own is parameter else own, f32([1.0, 2.0]))
    before = array.copy()
    t[0] = 7.0
    t.add_(1.0)
    t += 1
    check(t, f32([9.0, 4.0]))
    np.testing.assert_array_equal(array, before)
    shared = make(array)
    read = adcore.jit(lambda: shared * 1)
    check(read(), f32([5.0, 2.0]))
    array[0] = 6.0
    check(read(), f32([6.0, 2.0]))
    np.testing.assert_array_equal(np.from_dlpack(shared), array)
    assert not np.from_dlpack(shared).flags.writeable


def test_memory_that_is_read_only_is_shared_too():
    array = np.arange(3.0)
    array.flags.writeable = False
    assert np.shares_memory(array_of(adcore.from_dlpack(array, copy=False)), array)


def test_an_array_lives_as_long_as_its_tensors():
    class Array(np.ndarray):
        pass

    array = np.arange(3.0).view(Array)
    gone = weakref.ref(array)
    t = adcore.from_dlpack(array)[1:]
    del array
    gc.collect()
    assert gone() is not None
    np.testing.assert_array_equal(array_of(t), [1.0, 2.0])
    del t
    assert gone() is None
    array = np.arange(3.0).view(Array)
    gone = weakref.ref(array)
    own = adcore.from_dlpack(array, copy=True)
    del array
    assert gone() is None and own.tolist() == [0.0, 1.0, 2.0]


def test_tensors_are_exchanged_among_themselves():
    for t in (t32(1.0, 2.0), Tensor([1.0, 2.0], adcore.bfloat16)):
        same = adcore.from_dlpack(t)
        assert same is not t and same.dtype is t.dtype
        through = adcore.from_dlpack(Versionless(t))
        assert through.dtype is t.dtype
        np.testing.assert_array_equal(array_of(through), [1.0, 2.0])
        adcore.from_dlpack(t, copy=False), adcore.from_dlpack(t, copy=True)
    check(grad(lambda x: adcore.from_dlpack(x) * x)(t32(3.0)), f32(6.0))


def test_what_cannot_be_imported():
    capsule = np.arange(3.0).__dlpack__()
    adcore.from_dlpack(capsule)
    for wrong in (capsule, 3, None, [1.0]):
        with pytest.raises(ValueError, match="needs an array with __dlpack__"):
            adcore.from_dlpack(wrong)
    with pytest.raises(BufferError, match="no dtype for type code 5 with 64 bits"):
        adcore.from_dlpack(np.zeros(2, np.complex64))

    class Elsewhere(Versionless):
        def __dlpack_device__(self):
            return (2, 1)

    with pytest.raises(BufferError, match=r"on device \(2, 1\)"):
        adcore.from_dlpack(Elsewhere(t32(1.0)))
    for device in ("cuda", 0, object()):
        with pytest.raises(ValueError, match="no device but 'cpu'"):
            adcore.from_dlpack(np.arange(3.0), device=device)
    with pytest.raises(TypeError, match="copy must be True, False or None"):
        adcore.from_dlpack(np.arange(3.0), copy=1)
    adcore.from_dlpack(np.arange(3.0), device="cpu")


def test_what_is_on_another_device_may_come_to_the_cpu():
    class Accelerator:
        asked = []

        def __dlpack_device__(self):
            return (2, 1)

        def __dlpack__(self, **asked):
            self.asked.append(asked)
            if asked.get("copy") is False:
                raise BufferError("this needs a copy")
            return np.arange(3.0).__dlpack__(max_version=asked["max_version"])

    np.testing.assert_array_equal(array_of(adcore.from_dlpack(Accelerator())), [0.0, 1.0, 2.0])
    assert Accelerator.asked == [{"max_version": (1, 0), "dl_device": (1, 0)}]
    with pytest.raises(BufferError, match="this needs a copy"):
        adcore.from_dlpack(Accelerator(), copy=False)


# ---- capsules made by hand -------------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("form", [Versioned, Unversioned], ids=lambda form: form.name.decode())


@BOTH
def test_a_capsule_is_consumed_once_and_ended_once(form):
    array = np.arange(6.0).reshape(2, 3)
    made = HandMade(array, form)
    t = adcore.from_dlpack(made)
    assert name_of(made.capsule) == b"used_" + form.name
    with pytest.raises(ValueError, match="that nobody consumed"):
        adcore.from_dlpack(made)
    view = t.T[1:]
    del t
    gc.collect()
    assert made.deleted == 0
    np.testing.assert_array_equal(array_of(view), array.T[1:])
    del view
    assert made.deleted == 1
    copied = HandMade(array, form)
    t = adcore.from_dlpack(copied, copy=True)
    assert copied.deleted == 1 and not np.shares_memory(array_of(t), array)
    without_strides = HandMade(array, form, strides=None)
    np.testing.assert_array_equal(array_of(adcore.from_dlpack(without_strides)), array)
    later = HandMade(array, form, byte_offset=24, shape=(3,), rank=1, strides=(1,))
    np.testing.assert_array_equal(array_of(adcore.from_dlpack(later)), array[1])
    assert without_strides.deleted == later.deleted == 1


BIG = 2**62
HOSTILE = {
    "strides that lead out of memory": {"strides": (BIG, 1)},
    "strides whose product wraps to a small one": {"strides": (2**61, 1), "shape": (9, 3)},
    "strides to below the first address": {"strides": (-BIG // 8, 1)},
    "strides that cancel": {"strides": (2**60 - 1, -(2**60)), "shape": (2, 2)},
    "many elements": {"shape": (BIG, BIG)},
    "many elements in one place": {"shape": (BIG, BIG), "strides": (0, 0)},
    "a negative size": {"shape": (2, -3)},
    "no sizes": {"shape": None},
    "a negative rank": {"rank": -1},
    "too many axes": {"rank": 13, "shape": (1,) * 13, "strides": (1,) * 13},
    "an endless offset": {"byte_offset": 2**64 - 8},
    "no address": {"data": None},
    "complex numbers": {"code": 5, "bits": 128},
    "vectors": {"lanes": 4},
    "no lanes": {"lanes": 0},
    "half a byte": {"code": 1, "bits": 4},
    "floats of 8 bits": {"code": 10, "bits": 8},
    "wide floats": {"bits": 128},
    "a handle": {"code": 3},
    "another device": {"device_type": 2},
    "memory of another device": {"device_type": 3},
}


@BOTH
@pytest.mark.parametrize("copied", [None, True, False])
@pytest.mark.parametrize("what", HOSTILE)
def test_a_struct_that_cannot_be_true_is_refused_and_ended(what, copied, form):
    made = HandMade(np.arange(6.0).reshape(2, 3), form, **HOSTILE[what])
    with pytest.raises(BufferError, match="from_dlpack: "):
        adcore.from_dlpack(made, copy=copied)
    assert made.deleted == 1
    assert name_of(made.capsule) == b"used_" + form.name


def test_sizes_around_nothing_are_not_read():
    for shape, strides in (((0, BIG, BIG), (1, BIG, BIG)), ((BIG, 0), None), ((0,), (-BIG,))):
        made = HandMade(np.arange(6.0), shape=shape, strides=strides, rank=len(shape), data=None)
        assert adcore.from_dlpack(made).shape == shape
        assert made.deleted == 1


def test_elements_that_are_not_aligned_are_copied():
    array = np.arange(6.0).reshape(2, 3)
    raw = np.concatenate([np.zeros(3, np.uint8), np.frombuffer(array.tobytes(), np.uint8)])
    for copied in (None, True, False):
        made = HandMade(array, data=raw.ctypes.data + 3)
        if copied is False:
            with pytest.raises(BufferError, match="not aligned, so they must be copied"):
                adcore.from_dlpack(made, copy=copied)
        else:
            np.testing.assert_array_equal(array_of(adcore.from_dlpack(made, copy=copied)), array)
        assert made.deleted == 1
    made = HandMade(array, byte_offset=1, shape=(2,), strides=(-1,), rank=1, data=raw.ctypes.data + 18)
    np.testing.assert_array_equal(array_of(adcore.from_dlpack(made)), [2.0, 1.0])


def test_flags_and_versions():
    array = np.arange(3.0)
    read_only, copied = 1, 2
    t = adcore.from_dlpack(HandMade(array, flags=read_only))
    assert np.shares_memory(array_of(t), array) and not np.from_dlpack(t).flags.writeable
    given = HandMade(array, flags=copied)  # what the exporter copied for us is copied no second time
    assert np.shares_memory(array_of(adcore.from_dlpack(given, copy=True)), array)
    for major in (0, 2):
        made = HandMade(array, major=major)
        with pytest.raises(BufferError, match=f"DLPack version {major} is not known"):
            adcore.from_dlpack(made)
        assert made.deleted == 1


def test_a_deleter_may_run_python_and_raise_while_an_error_is_on_its_way():
    def raises():
        raise KeyError("in the deleter")

    made = HandMade(np.arange(3.0), lanes=4, on_delete=raises)
    with pytest.raises(BufferError, match="4 lanes"), ignored_errors():
        adcore.from_dlpack(made)
    made = HandMade(np.arange(3.0), on_delete=raises)
    t = adcore.from_dlpack(made)
    with ignored_errors():
        del t
    assert made.deleted == 1


@contextlib.contextmanager
def ignored_errors():
    """What a callback of ctypes raises is told to `sys.unraisablehook`."""
    before, sys.unraisablehook = sys.unraisablehook, lambda args: None
    try:
        yield
    finally:
        sys.unraisablehook = before


def test_a_capsule_is_ended_in_any_thread():
    array = np.arange(3.0)
    made = HandMade(array)
    held = [adcore.from_dlpack(made)]
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert made.deleted == 1

    # ctypes lets go of the interpreter's lock, and so calls what ends the memory of another library's array.
    made = HandMade(array)
    t = adcore.from_dlpack(made)
    capsule = t.__dlpack__(max_version=(1, 0))
    struct = Versioned.from_address(pointer(capsule, Versioned.name))
    rename(capsule, b"used_" + Versioned.name)
    del t
    assert made.deleted == 0 and struct.flags == 1
    struct.deleter(ctypes.addressof(struct))
    assert made.deleted == 1


@pytest.mark.parametrize("threads", [0, 1])
def test_the_end_of_the_interpreter_with_foreign_memory(threads):
    """Globals and a capsule that nobody consumed hold arrays; a daemon thread keeps the globals."""
    code = """
        import os, threading
        import numpy as np
        import adcore
        from capsules import HandMade

        t = adcore.from_dlpack(np.arange(3.0))
        made = HandMade(np.arange(3.0), on_delete=lambda write=os.write: write(1, b"ended"))
        u = adcore.from_dlpack(made)
        capsule = adcore.from_dlpack(np.arange(4.0)).__dlpack__(max_version=(1, 0))
        ready = threading.Event()

        def work():
            held = adcore.from_dlpack(np.arange(5.0))
            while True:
                held = adcore.from_dlpack(np.arange(5.0)) * 1
                ready.set()

        for _ in range(THREADS):
            threading.Thread(target=work, daemon=True).start()
            ready.wait()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code).replace("THREADS", str(threads))],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == (b"" if threads else b"ended")


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


def test_pytorch_and_back():
    torch = pytest.importorskip("torch")
    for dtype in ("float32", "float64", "float16", "bfloat16", "int8", "int64", "uint8", "bool"):
        theirs = (torch.arange(24) % 3).reshape(2, 3, 4).to(getattr(torch, dtype))
        for of in (lambda t: t, lambda t: t[:, ::2], lambda t: t.permute(2, 0, 1), lambda t: t[1, 2, 3]):
            ours = adcore.from_dlpack(of(theirs))
            assert ours.dtype is getattr(adcore, dtype if dtype != "bool" else "bool_")
            assert ours.tolist() == of(theirs).tolist()
            back = torch.from_dlpack(ours)
            assert back.dtype is theirs.dtype and back.tolist() == of(theirs).tolist()
    ours = t32(1.0, 2.0)
    assert torch.as_tensor(ours).tolist() == torch.tensor(ours).tolist() == [1.0, 2.0]
    torch.from_dlpack(ours, copy=True).add_(1)
    check(ours, f32([1.0, 2.0]))
    theirs = torch.zeros(3)
    ours = adcore.from_dlpack(theirs)
    theirs[0] = 5.0
    check(ours, f32([5.0, 0.0, 0.0]))
    with pytest.raises((BufferError, RuntimeError), match="require grad"):
        adcore.from_dlpack(torch.zeros(3, requires_grad=True))


# ---- arrays --------------------------------------------------------------------------------------------------------


def test_an_array_that_must_not_be_a_copy():
    t = t32(1.0, 2.0)
    assert np.asarray(t, copy=False).__array_interface__["data"][0] == address(t)
    assert np.array(t, copy=True).flags.writeable
    half = Tensor([1.0, 2.0], adcore.bfloat16)
    for tensor, dtype in ((half, None), (half, np.float32), (t, np.float64)):
        with pytest.raises(ValueError, match="cannot share the memory of a Tensor of dtype"):
            tensor.__array__(dtype, copy=False)
        for allowed in (None, True):
            got = tensor.__array__(dtype, copy=allowed)
            assert got.dtype == (dtype or np.float32)
            np.testing.assert_array_equal(got, [1.0, 2.0])


# ---- copies and pickles --------------------------------------------------------------------------------------------


class Tagged(Tensor):
    """A Tensor with attributes."""


class Slotted(Tensor):
    __slots__ = ("tag",)


class Weight(Parameter):
    """A Parameter with attributes."""


COPIES = {
    "pickle": lambda o: pickle.loads(pickle.dumps(o)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", [Tensor, Tagged, Slotted], ids=lambda k: k.__name__)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8", "bool_"])
def test_copies_of_tensors_keep_class_dtype_and_attributes(kind, how, dtype):
    t = kind([1.0, 0.0, 1.0], getattr(adcore, dtype))
    if kind is not Tensor:
        t.tag = ["a list"]
    twin = COPIES[how](t)
    assert type(twin) is kind and twin is not t and twin.dtype is t.dtype
    np.testing.assert_array_equal(array_of(twin), [1.0, 0.0, 1.0])
    if kind is not Tensor:
        assert twin.tag == ["a list"] and (twin.tag is t.tag) == (how == "copy")
    twin[0] = 0.0
    np.testing.assert_array_equal(array_of(t), [1.0, 0.0, 1.0])


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", [Parameter, Weight], ids=lambda k: k.__name__)
def test_copies_of_parameters(kind, how):
    w = kind(t32(1.0, 2.0), name="w", requires_grad=False)
    w.extra, w.me = ["a list"], w
    twin = COPIES[how](w)
    assert type(twin) is kind and (twin.name, twin.requires_grad) == ("w", False)
    assert twin.extra == ["a list"] and twin.me is (w if how == "copy" else twin)
    twin.set_data(t32(5.0, 6.0))
    np.testing.assert_array_equal(array_of(w), [1.0, 2.0])


def test_a_tensor_that_leads_back_to_itself_is_copied_once():
    t = Tagged([1.0])
    t.me, t.others = t, [t]
    for how in ("pickle", "deepcopy"):
        twin = COPIES[how](t)
        assert twin.me is twin and twin.others[0] is twin is not t
    pair = [t32(1.0)] * 2
    first, second = copy.deepcopy(pair)
    assert first is second


def test_a_copy_is_differentiated():
    for make in (copy.copy, copy.deepcopy):
        check(grad(lambda x, make=make: make(x) * x)(t32(3.0)), f32(6.0))
