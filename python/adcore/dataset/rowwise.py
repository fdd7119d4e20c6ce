"""Rows made of single rows: map, filter, project, rename; and the workers that an argument asks for."""

import inspect
import itertools

from . import checks, config, workers
from .nodes import Over, RowByRow, array, made_by


@made_by("project")
class Project(RowByRow):
    def __init__(self, child, op, columns, names=None):
        super().__init__(child, names or columns)
        self._columns = [child._names.index(name) for name in columns]

    def _made(self, run, rows, numbers):
        return (tuple([row[c] for c in self._columns]) for row in rows)

    def _gather(self, run):
        gather = self._child._gather(run)
        return gather and (lambda index: pick(gather(index), self._columns))


def pick(values, columns):
    return [values[c] for c in columns]


class RowFunction:
    """What a map does with a row; processes are sent it."""

    def __init__(self, operations, inputs, others, count, replaces):
        self._operations, self._inputs, self._others = operations, inputs, others
        self._count, self._replaces = count, replaces

    def __call__(self, task):
        number, row = task
        values = tuple([row[c] for c in self._inputs])
        for operation in self._operations:
            try:
                values = operation(*values)
            except Exception as error:
                raise RuntimeError(
                    f"map: {checks.called(operation)} failed at row {number}, of columns {told(row)}: "
                    f"{type(error).__name__}: {error}"
                ) from error
            if not isinstance(values, tuple):
                values = (values,)
        if len(values) != self._count:
            raise ValueError(
                f"map: {checks.called(self._operations[-1])} returned {len(values)} values for row {number}, but there "
                f"are {self._count} output_columns."
            )
        values = tuple([self._array(value, number) for value in values])
        if not self._replaces:
            return (*values, *[row[c] for c in self._others])
        out = list(row)
        for c, value in zip(self._inputs, values):
            out[c] = value
        return tuple(out)

    def _array(self, value, number):
        try:
            return array(value)
        except ValueError as error:
            raise ValueError(
                f"map: {checks.called(self._operations[-1])} returned for row {number} what is no array: {error}"
            ) from error


def told(row):
    return ", ".join(f"{value.dtype}{list(value.shape)}" for value in row)


@made_by("map")
class Map(RowByRow):
    def __init__(self, child, operations, input_columns, output_columns, num_parallel_workers, python_multiprocessing):
        operations = list(operations) if isinstance(operations, (list, tuple)) else [operations]
        if not operations:
            raise ValueError("map: operations must not be empty.")
        for operation in operations:
            checks.function("map", "an operation", operation)
        known = child._names
        if input_columns is None:
            count = _required_arguments(operations[0])
            if count > len(known):
                raise ValueError(
                    f"map: {checks.called(operations[0])} has {count} arguments, but the columns are {list(known)}."
                )
            inputs = known[:count]
        else:
            inputs = checks.columns("map", "input_columns", input_columns, known)
        outputs = inputs if output_columns is None else checks.names("map", "output_columns", output_columns)
        others = [name for name in known if name not in inputs]
        replaces = len(outputs) == len(inputs)
        called = dict(zip(inputs, outputs))
        names = [called.get(name, name) for name in known] if replaces else [*outputs, *others]
        super().__init__(child, checks.names("map", "the columns", names))
        self._operations, self._inputs = operations, [known.index(name) for name in inputs]
        others = [known.index(name) for name in others]
        self._function = RowFunction(operations, self._inputs, others, len(outputs), replaces)
        self._workers = Workers("map", num_parallel_workers, python_multiprocessing)

    def _made(self, run, rows, numbers):
        return self._workers.map(self._function, run, self._stream, numbers, rows)

    def _gather(self, run):
        """Operations that do the same with many rows at once are done so."""
        gather = self._child._gather(run)
        if gather is None or not self._function._replaces or len(self._inputs) != 1:
            return None
        if not all(hasattr(operation, "_on_rows") for operation in self._operations):
            return None

        def mapped(index):
            columns = list(gather(index))
            for operation in self._operations:
                columns[self._inputs[0]] = operation._on_rows(columns[self._inputs[0]])
            return columns

        return mapped


def _required_arguments(operation):
    """How many positional arguments without a default a function has, at least one."""
    try:
        parameters = inspect.signature(operation).parameters.values()
    except (TypeError, ValueError):
        return 1
    return max(
        1, sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    )


class Workers:
    """The workers of a node, as its arguments say."""

    def __init__(self, op, count, processes):
        self._op = op
        self.count = checks.optional_integer(op, "num_parallel_workers", count, 1)
        self._processes = checks.boolean(op, "python_multiprocessing", processes)

    def number(self):
        return self.count or config.get_num_parallel_workers() or 0

    def map(self, function, run, stream, numbers, arguments):
        """``function((number, argument))`` for each, in order."""
        count = self.number()
        if not count:
            return map(function, zip(map(int, numbers), arguments))
        processes = self._processes and count > 1
        seed = run.seeds(stream) if processes else lambda number: None
        tasks = ((seed(number), (number, argument)) for number, argument in zip(map(int, numbers), arguments))
        return workers.ordered(self._op, function, tasks, count, processes)


@made_by("filter")
class Filter(Over):
    _addressable = False

    def __init__(self, child, predicate, input_columns, num_parallel_workers):
        super().__init__(child, child._names)
        self._predicate = checks.function("filter", "predicate", predicate)
        names = child._names if input_columns is None else input_columns
        columns = checks.columns("filter", "input_columns", names, child._names)
        self._columns = [child._names.index(name) for name in columns]
        self._workers = Workers("filter", num_parallel_workers, False)

    def _size(self):
        return None

    def _rows(self, run, start):
        judged = self._workers.map(self._judged, run, self._stream, itertools.count(), self._child._rows(run, 0))
        return itertools.islice((row for keep, row in judged if keep), start, None)

    def _judged(self, task):
        number, row = task
        try:
            return bool(self._predicate(*pick(row, self._columns))), row
        except Exception as error:
            raise RuntimeError(
                f"filter: {checks.called(self._predicate)} failed at row {number}, of columns {told(row)}: "
                f"{type(error).__name__}: {error}"
            ) from error
