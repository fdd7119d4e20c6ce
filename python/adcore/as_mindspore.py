"""``import adcore.as_mindspore`` lets ``import mindspore``, ``from mindspore import nn`` and the like give adcore.

>>> import adcore.as_mindspore
>>> from mindspore import Tensor, nn
>>> from mindspore.common import dtype as mstype
>>> Tensor([1, 2], mstype.float32).dtype
adcore.float32

The processes that multiprocessing starts have it too. An installed MindSpore is hidden, with a warning.
"""

from adcore.mindspore import activate

activate()
