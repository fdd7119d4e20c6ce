"""The library `onnx`, asked for when it is needed."""


def library(name):
    """Return the library, for the function of that name."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(f"onnx.{name}: it needs ONNX. Install it: pip install adcore[onnx]", name="onnx") from error
    return onnx
