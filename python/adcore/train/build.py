"""The Cell that trains a network by a step for each batch, from its parts."""

from .model import Model

__all__ = ["build_train_network"]


def build_train_network(network, optimizer, loss_fn=None, level="O0", boost_level="O0", **kwargs):
    """Return the Cell that a step of training calls with a batch: network, loss, gradients and optimizer.

    Parameters
    ----------
    network : Cell
        Changed as `level` says.
    optimizer : Optimizer
    loss_fn : Cell, optional
        None: `network` returns the loss.
    level : {"O0", "O1", "O2", "O3"}
    boost_level : {"O0"}
    **kwargs
        ``cast_model_type`` (float16 or float32), ``keep_batchnorm_fp32`` (bool) and ``loss_scale_manager``, in place of
        what `level` says.

    Raises
    ------
    TypeError, ValueError, NotImplementedError
        If an argument is of another kind.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> from adcore.train import build_train_network
    >>> net = nn.Dense(1, 1, weight_init="zeros", bias_init="zeros")
    >>> step = build_train_network(net, nn.SGD(net.trainable_params(), 0.25), nn.MSELoss())
    >>> float(step(ac.ops.ones((2, 1)), ac.ops.ones((2, 1))))
    1.0
    """
    if optimizer is None:
        raise TypeError("build_train_network: optimizer must be an Optimizer, got None.")
    return Model(
        network, loss_fn, optimizer, amp_level=level, boost_level=boost_level, **kwargs
    ).train_network.set_train()
