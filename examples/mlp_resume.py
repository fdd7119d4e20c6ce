"""Early stopping, and a training that is killed and goes on with the same bits.

A network learns to tell malignant from benign tumours (Wisconsin Diagnostic Breast Cancer, inside scikit-learn's
package). `EarlyStopping` ends the training when the loss on a validation set no longer falls; a test set is looked at
once, at the end. The same training then runs in a process of its own, which is killed in the middle of an epoch, and
goes on from the file that it left: all Parameters come out with the same bits.

    python examples/mlp_resume.py
    python examples/mlp_resume.py --small  # stops earlier

Read `train` first, then `Progress`, which is all that resuming takes.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import adcore
from adcore import dataset, nn
from adcore.train import Callback, EarlyStopping, LambdaCallback, Model


def tumours():
    """Standardised rows and their labels, three times: to train with, to stop by, to test on."""
    x, y = load_breast_cancer(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    x, x_valid, y, y_valid = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    mean, std = x.mean(axis=0), x.std(axis=0)
    return [
        (((x - mean) / std).astype(np.float32), y.astype(np.int32))
        for x, y in ((x, y), (x_valid, y_valid), (x_test, y_test))
    ]


class Progress(Callback):
    """Writes the state of a training after each epoch, and lets a new one go on where a file says.

    The data needs no line: the order of an epoch is a function of the seed and the number of the epoch.
    """

    def __init__(self, file, net, optimizer, stop):
        self.file, self.parts, self.epoch = file, {"net": net, "optimizer": optimizer, "stop": stop}, 0
        if file.exists():
            self.epoch = adcore.load_state(file, **self.parts)["epoch"]  # and the random numbers of dropout

    def on_train_epoch_end(self, run_context):
        self.epoch = run_context.original_args().cur_epoch_num
        adcore.save_state(self.file, **self.parts, epoch=self.epoch)


def train(file, epochs, patience, dies=False):
    """Train, or go on with the training of `file`; return the network, its test accuracy and the last epoch.

    If it `dies`, then in the middle of an epoch, when the patience is nearly over.
    """
    train_set, valid_set, test_set = (
        dataset.NumpySlicesDataset(part, ["x", "y"], shuffle=i == 0).batch(32) for i, part in enumerate(tumours())
    )
    adcore.set_seed(0)
    net = nn.SequentialCell(nn.Dense(30, 64), nn.ReLU(), nn.Dropout(p=0.2), nn.Dense(64, 2))
    optimizer = nn.Adam(net.trainable_params(), learning_rate=0.002)
    model = Model(net, nn.CrossEntropyLoss(), optimizer, metrics={"accuracy", "loss"})
    stop = EarlyStopping("eval_loss", patience=patience)
    progress = Progress(file, net, optimizer, stop)

    def perhaps_die(run_context):
        if dies and stop.wait == patience - 1 and run_context.original_args().cur_step_in_epoch == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    callbacks = [stop, progress, LambdaCallback(on_train_step_end=perhaps_die)]
    model.fit(epochs, train_set, valid_set, callbacks=callbacks, initial_epoch=progress.epoch)
    return net, model.eval(test_set)["accuracy"], progress.epoch


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="less patience")
    parser.add_argument("--die", metavar="FILE", type=Path, help="only train, with the state in FILE, and be killed")
    options = parser.parse_args(argv)
    epochs, patience = (40, 3) if options.small else (200, 8)
    if options.die:
        train(options.die, epochs, patience, dies=True)
        raise SystemExit("the training ended before it was killed")

    with tempfile.TemporaryDirectory() as folder:
        whole, accuracy, last = train(Path(folder) / "whole.state", epochs, patience)
        print(f"trained without a break: {last} epochs, held-out accuracy {accuracy:.3f}")

        file = Path(folder) / "killed.state"
        command = [sys.executable, __file__, "--die", file, *["--small"] * options.small]
        code = subprocess.run(command, check=False).returncode
        print(f"a second process was killed by signal {-code} in epoch {adcore.load_state(file)['epoch'] + 1}")

        resumed, accuracy_then, last_then = train(file, epochs, patience)
        print(f"resumed from its file:   {last_then} epochs, held-out accuracy {accuracy_then:.3f}")

    same = all(
        a.asnumpy().tobytes() == b.asnumpy().tobytes() for a, b in zip(whole.get_parameters(), resumed.get_parameters())
    )
    print(f"the same bits: {'yes' if same else 'no'}")
    return accuracy, -code, last == last_then < epochs, same


if __name__ == "__main__":
    main()
