"""MindSpore's `SummaryCollector`, for programs that name it: what it collects here is what `TensorBoard` writes."""

from adcore._context import without_meaning
from adcore.train import TensorBoard


class SummaryCollector(TensorBoard):
    """Write the loss, and the numbers of each epoch, into files that TensorBoard shows.

    Parameters
    ----------
    summary_dir : str or path
        The folder.
    collect_freq : int
        After how many steps the loss is written.
    **options
        MindSpore's further options, of networks, images and histograms, have no effect.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.

    Examples
    --------
    >>> from adcore.mindspore import summary
    >>> summary.SummaryCollector("runs/first", collect_freq=5).per_steps
    5
    """

    def __init__(self, summary_dir, collect_freq=10, **options):
        super().__init__(summary_dir, collect_freq)
        if options:
            without_meaning("SummaryCollector")


__all__ = ["SummaryCollector"]
