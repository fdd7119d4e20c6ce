"""Threads and processes that work ahead of the consumer, in order.

`ordered` is the one way in: it maps a function over tasks, of which some are under way at once, and gives the results
in the order of the tasks. Threads and processes end when the generator is closed, be that by its end, an error, Ctrl-C
or because nobody holds it any more; what is still there when the interpreter ends is stopped then.
"""

import atexit
import collections
import multiprocessing
import multiprocessing.connection
import os
import pickle
import queue
import random
import signal
import threading
import traceback
import weakref

import numpy as np

from . import config

_POLL = 0.2  # seconds between looks at whether a worker process is alive
_AT_EXIT = 2.0  # seconds that the end of the interpreter waits for a thread

_pools = weakref.WeakSet()


@atexit.register
def _close_all():
    for pool in list(_pools):
        pool.close(wait=_AT_EXIT)


def ordered(name, function, tasks, count, processes=False):
    """The results of `function` for each of `tasks`, in their order, computed by `count` threads or processes.

    A task is a pair: a seed, which is what `random` and `np.random` start from in a process, and the argument. An error
    of `tasks` is raised after the results of the tasks before it.
    """
    window = max(config.get_prefetch_size(), 2 * count)
    pool = _Processes(name, function, count) if processes else _Threads(name, function, count)
    tasks, failure, pending = iter(tasks), None, collections.deque()
    try:
        while True:
            while tasks is not None and len(pending) < window:
                try:
                    pending.append(pool.submit(next(tasks)))
                except StopIteration:
                    tasks = None
                except Exception as error:
                    tasks, failure = None, error
            if not pending:
                break
            yield pool.result(pending.popleft())
    finally:
        pool.close()
    if failure is not None:
        raise failure


def ahead(name, iterator):
    """The elements of an iterator, which a thread of its own asks for ahead of the consumer."""
    end = object()
    # A thread that works on one task after the other needs no lock around the iterator. After an error or the end a
    # generator is at its end, so that the tasks behind give `end`.
    for element in ordered(name, lambda _: next(iterator, end), iter(lambda: (None, None), 0), 1):
        if element is end:
            return
        yield element


# ---- threads ---------------------------------------------------------------------------------------------------------


class _Threads:
    def __init__(self, name, function, count):
        self._inbox = queue.SimpleQueue()
        # They know the inbox, not the pool, so that the pool can be dropped. They are daemons because the interpreter
        # waits for others before it calls `_close_all`.
        self._threads = [
            threading.Thread(target=_serve, args=(self._inbox, function), name=f"adcore {name} {i}", daemon=True)
            for i in range(count)
        ]
        for thread in self._threads:
            thread.start()
        _pools.add(self)

    def submit(self, task):
        outbox = queue.SimpleQueue()
        self._inbox.put((task[1], outbox))
        return outbox

    def result(self, outbox):
        value, error = outbox.get()
        if error is not None:
            raise error
        return value

    def close(self, wait=0.0):
        try:
            while True:
                self._inbox.get_nowait()
        except queue.Empty:
            pass
        for _ in self._threads:
            self._inbox.put(None)
        if wait:
            for thread in self._threads:
                thread.join(wait)


def _serve(inbox, function):
    while (task := inbox.get()) is not None:
        argument, outbox = task
        try:
            outbox.put((function(argument), None))
        except BaseException as error:
            outbox.put((None, error))
        del task, argument, outbox


# ---- processes -------------------------------------------------------------------------------------------------------


class _Worker:
    """A process, the pipe to it, and the numbers of the tasks that it has."""

    def __init__(self, process, pipe):
        self.process, self.pipe, self.tasks = process, pipe, set()


class _Processes:
    def __init__(self, name, function, count):
        self._name, self._workers, self._results, self._submitted = name, [], {}, 0
        self._owner = os.getpid()
        method = config.get_multiprocessing_start_method()
        context = multiprocessing.get_context(method)
        self._hint = (
            "" if method == "fork" else f' (started by {method}: is the program under `if __name__ == "__main__":`?)'
        )
        _pools.add(self)
        try:
            for i in range(count):
                ours, theirs = context.Pipe()
                # A forked process inherits our ends of the pipes. It closes them, or its siblings would not notice our
                # death.
                inherited = [worker.pipe for worker in self._workers] + [ours] if method == "fork" else []
                process = context.Process(
                    target=_work, args=(function, theirs, inherited), name=f"adcore {name} {i}", daemon=True
                )
                self._workers.append(_Worker(process, ours))
                _start(name, method, process)
                theirs.close()
        except BaseException:
            self.close()
            raise

    def submit(self, task):
        number, self._submitted = self._submitted, self._submitted + 1
        try:
            message = pickle.dumps((number, *task), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            raise TypeError(
                f"{self._name}: an element cannot be sent to a worker process: {type(error).__name__}: {error}"
            ) from error
        worker = min(self._workers, key=lambda worker: len(worker.tasks))
        try:
            worker.pipe.send_bytes(message)
        except OSError:
            self._died(worker)
        worker.tasks.add(number)
        return number

    def result(self, number):
        while number not in self._results:
            by_pipe = {worker.pipe: worker for worker in self._workers}
            ready = multiprocessing.connection.wait(by_pipe, _POLL)
            for worker in [by_pipe[pipe] for pipe in ready] or self._workers:
                self._receive(worker)
        value, error, trace = self._results.pop(number)
        if error is not None:
            raise error from (error.__cause__ or _InWorker(trace))
        return value

    def _receive(self, worker):
        """Take what a worker has sent; raise if it is dead and there is nothing more."""
        try:
            if worker.pipe.poll():
                number, *result = pickle.loads(worker.pipe.recv_bytes())
                worker.tasks.discard(number)
                self._results[number] = result
            elif worker.process.exitcode is not None:
                self._died(worker)
        except (EOFError, OSError):
            self._died(worker)

    def _died(self, worker):
        worker.process.join(1)
        code = worker.process.exitcode
        how = "closed its pipe" if code is None else f"exited with code {code}"
        if code is not None and code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        raise RuntimeError(
            f"{self._name}: the worker process {worker.process.name!r} (pid {worker.process.pid}) {how}{self._hint}; "
            f"it had {len(worker.tasks)} elements to work on."
        )

    def close(self, wait=1.0):
        if os.getpid() != self._owner:
            return  # in a process that was forked since
        workers, self._workers = self._workers, []
        started = [worker for worker in workers if worker.process.pid is not None]
        for worker in started:
            worker.process.terminate()
        for worker in started:
            worker.process.join(wait)
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        for worker in workers:
            worker.pipe.close()


class _InWorker(Exception):
    """The traceback of an error in a worker process, which shows as the cause of the error."""

    def __str__(self):
        return f"\n{self.args[0]}"


def _start(name, method, process):
    try:
        process.start()
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"{name}: the functions of a pipeline, and a source, that go to a process started by {method!r} must be "
            f"defined at the top of a module ({error}); config.set_multiprocessing_start_method('fork') takes any."
        ) from error


def _work(function, pipe, inherited):
    """What a worker process does until the other end of its pipe is closed."""
    for other in inherited:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the consumer, which ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    inbox = queue.SimpleQueue()
    # Tasks are taken out of the pipe at once: were both ends to wait until the other reads, they would wait forever.
    threading.Thread(target=_read, args=(pipe, inbox), daemon=True).start()
    while True:
        message = inbox.get()
        if message is None:
            return
        number, seed, argument = pickle.loads(message)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - what functions of others draw from
        try:
            reply = pickle.dumps((number, function(argument), None, ""), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            reply = pickle.dumps((number, None, _portable(error), traceback.format_exc()), pickle.HIGHEST_PROTOCOL)
        try:
            pipe.send_bytes(reply)
        except OSError:
            return


def _read(pipe, inbox):
    try:
        while True:
            inbox.put(pipe.recv_bytes())
    except (EOFError, OSError):
        inbox.put(None)


def _portable(error):
    """The error itself if pickle takes it, else one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
