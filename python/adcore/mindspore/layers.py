"""Small layers of MindSpore's that adcore.nn has not: cells without Parameters, made of rows as `operators` are."""

from adcore.nn import Cell

from . import operators

LAYERS = r"""
DiGamma()(x) = digamma(x)
FractionalMaxPool2d(kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None)(x) = \
    fractional_max("FractionalMaxPool2d", x, 2, kernel_size, output_size, output_ratio, _random_samples, return_indices)
FractionalMaxPool3d(kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None)(x) = \
    fractional_max("FractionalMaxPool3d", x, 3, kernel_size, output_size, output_ratio, _random_samples, return_indices)
LBeta()(x, y) = lgamma(x) + lgamma(y) - lgamma(x + y)
LGamma()(x) = lgamma(x)
LRN(depth_radius=5, bias=1.0, alpha=1.0, beta=0.5, norm_region="ACROSS_CHANNELS")(input_x) = \
    response_normalized(input_x, depth_radius, bias, alpha, beta)
MatDet()(a) = det(a)
MatInverse()(a) = inverse(a)
MatMul(transpose_x1=False, transpose_x2=False)(x1, x2) = \
    matmul(transposed_if(transpose_x1, x1), transposed_if(transpose_x2, x2))
MatrixDiag()(x) = diag_embed(x)
MatrixDiagPart()(x) = diagonal(x, 0, -2, -1)
Moments(axis=None, keep_dims=None)(x) = (mean(x, axes(axis), bool(keep_dims)), var(x, axes(axis), 0, bool(keep_dims)))
Range(start, limit=None, delta=1)() = arange(start, limit, delta) if limit is not None else arange(0, start, delta)
ReduceLogSumExp(axis, keep_dims=False)(x) = logsumexp(x, axes(axis), keep_dims)
Roll(shift, axis)(input_x) = roll(input_x, shift, axis)
Tril()(x, k=0) = tril(x, k)
Triu()(x, k=0) = triu(x, k)
"""

_ROWS = dict(operators.rows(LAYERS))


class _Layer(Cell):
    """A cell of a row."""

    _method, _word = "construct", "layer"

    def _keep(self, **attributes):
        super().__init__()
        for name, value in attributes.items():
            operators.check(self.cls_name, name, value, self._defaults[name])
            setattr(self, name, value)


def __getattr__(name):
    if name not in _ROWS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = made = operators.of_row(_ROWS[name], _Layer)
    return made


__all__ = sorted(_ROWS)
