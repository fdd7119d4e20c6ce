"""Tensors that leave and arrive: DLPack, arrays of NumPy, copies and pickles. The oracle is NumPy."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, jvp, ops, vmap
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


def test_a_tensor_that_is_being_differentiated_or_mapped_is_not_exported():
    x = t32(1.0, 2.0)
    for run in (
        lambda f: grad(f)(x),
        lambda f: jvp(f, x, x),
        lambda f: vmap(f)(x),
    ):
        with pytest.raises(BufferError, match="being differentiated or mapped over"):
            run(lambda x: Tensor(np.from_dlpack(x * 2)))

    def f(x):
        np.testing.assert_array_equal(np.from_dlpack(ops.stop_gradient(x)), [1.0, 2.0])
        return x * x

    check(grad(f)(x), f32([2.0, 4.0]))


def test_requests_that_the_cpu_cannot_meet():
    t = t32(1.0)
    with pytest.raises(ValueError, match="the CPU has no streams"):
        t.__dlpack__(stream=1)
    with pytest.raises(BufferError, match="not on device"):
        t.__dlpack__(dl_device=(2, 0))
    t.__dlpack__(dl_device=(1, 0))


# ---- in ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda a: a, Versionless, lambda a: a.__dlpack__()], ids=["now", "before", "capsule"])
@pytest.mark.parametrize("name", DTYPES)
def test_arrays_of_numpy_arrive_as_copies(name, wrap):
    array = (np.arange(24) % 3).astype(name.rstrip("_")).reshape(2, 3, 4)
    for view in (
        array,
        array[:, ::-1],
        array.T,
        array[1, 2, 3:4].reshape(()),
        array[:, :0],
        np.broadcast_to(array[0], (2, 3, 4)).copy(),
    ):
        t = adcore.from_dlpack(wrap(view))
        assert t.dtype is getattr(adcore, name) and tuple(t.shape) == view.shape
        np.testing.assert_array_equal(array_of(t), view)


def test_what_is_imported_does_not_change_under_a_derivative():
    array = np.array([1.0, 2.0], np.float32)
    t = adcore.from_dlpack(array)

    def f(x):
        y = x * t
        array[:] = 100.0
        return y * t

    check(grad(f)(t32(1.0, 1.0)), f32([1.0, 4.0]))
    check(t, f32([1.0, 2.0]))
    with pytest.raises(BufferError, match="the values must be copied"):
        adcore.from_dlpack(array, copy=False)


def test_an_imported_array_is_let_go_of_at_once():
    class Array(np.ndarray):
        pass

    array = np.arange(3.0).view(Array)
    gone = weakref.ref(array)
    t = adcore.from_dlpack(array)
    del array
    gc.collect()
    assert gone() is None
    np.testing.assert_array_equal(array_of(t), [0.0, 1.0, 2.0])


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
