"""MindSpore's module of logging: the functions of Python's logger "mindspore"."""

import logging

_logger = logging.getLogger("mindspore")
debug, info, warning, error, critical = (
    _logger.debug,
    _logger.info,
    _logger.warning,
    _logger.error,
    _logger.critical,
)

__all__ = ["critical", "debug", "error", "info", "warning"]
