"""Processes that work ahead of the one that takes their results in order, such as the one that writes an archive.

Each is forked once the tables of the text core are made, so that they share them; each waits for work at a pipe of its
own and ends when nobody holds the other end any more, however that came.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import signal
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

logger = logging.getLogger(__name__)

AHEAD = 2
"""How many tasks a process has at most, done or not: so many pages wait in memory."""
LOSSES = 3
"""How many processes may end over one task."""
PATIENCE = 5.0
"""Seconds that a process which was told to end has for it."""

Task = TypeVar("Task")
Done = TypeVar("Done")


class ReadersLost(Exception):
    """The processes end over one task again and again."""


class Hand(Generic[Task]):
    """One of the processes, with what it was given."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self.process = process
        self.pipe = pipe
        self.given: deque[tuple[int, Task]] = deque()


class Readers(Generic[Task, Done]):
    """So many processes that do tasks, each with what `begin` makes of the last thing that all were told."""

    def __init__(
        self,
        count: int,
        make: Callable[[], Callable[[Any], Callable[[Task], Done]]],
        ended: Callable[[int], None],
    ) -> None:
        """Start them. `make` is called in each; `ended` hears the id of each that is no more."""
        self.count = count
        self.make = make
        self.ended = ended
        self.told: Any = None
        self.losses: Counter[int] = Counter()
        self.hands: list[Hand[Task]] = []
        try:
            for _ in range(count):
                self.hands.append(self.start())
        except BaseException:
            self.close()
            raise

    def start(self) -> Hand[Task]:
        """Fork a process."""
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        others = [ours, *(hand.pipe for hand in self.hands)]
        process = context.Process(target=work, args=(theirs, others, self.make), name="reader", daemon=True)
        with warnings.catch_warnings():
            # said of threads that a library for arrays keeps; a child never calls it from them
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        theirs.close()
        return Hand(process, ours)

    def begin(self, told: Any) -> None:
        """Tell all of them something, before the tasks that it is about; nothing may be under way."""
        self.told = told
        for at, hand in enumerate(self.hands):
            try:
                hand.pipe.send((None, told))
            except OSError:
                self.replace(at)

    def read(self, tasks: Iterable[tuple[Task | None, Any]]) -> Iterator[tuple[Done | None, Any]]:
        """Do tasks, and give each result in order with what came beside its task; no task: no result."""
        source = enumerate(tasks)
        waiting: deque[tuple[int, bool, Any]] = deque()
        done: dict[int, Done] = {}
        while True:
            while len(waiting) < AHEAD * len(self.hands) and (found := next(source, None)):
                number, (task, beside) = found
                if task is not None:
                    self.give(number, task)
                waiting.append((number, task is not None, beside))
            if not waiting:
                return
            number, asked, beside = waiting.popleft()
            while asked and number not in done:
                self.collect(done)
            yield done.pop(number) if asked else None, beside

    def give(self, number: int, task: Task) -> None:
        """Give a task to the process that has the fewest."""
        at = min(range(len(self.hands)), key=lambda each: len(self.hands[each].given))
        hand = self.hands[at]
        hand.given.append((number, task))
        try:
            hand.pipe.send((number, task))
        except OSError:
            self.replace(at)

    def collect(self, done: dict[int, Done]) -> None:
        """Wait until one of them has a result, or has ended."""
        ready = set(wait([hand.pipe for hand in self.hands if hand.given]))
        for at, hand in enumerate(tuple(self.hands)):
            if hand.pipe not in ready:
                continue
            try:
                number, result = hand.pipe.recv()
            except (EOFError, OSError):
                self.replace(at)
                continue
            hand.given.popleft()
            done[number] = result
            self.losses.pop(number, None)

    def replace(self, at: int) -> None:
        """Put another process in the place of one that ended, and give it what that one had. Raises ReadersLost."""
        hand = self.hands.pop(at)
        code = self.bury(hand)
        said = f"a reading process ended by {f'signal {-code}' if code < 0 else f'exit code {code}'}"
        if hand.given:
            number, task = hand.given[0]
            self.losses[number] += 1
            said += f" over {task}"
            if self.losses[number] >= LOSSES:
                raise ReadersLost(f"readers: {said}, the last of {LOSSES}; wanted one that reads it")
        logger.error("readers: %s; another one takes its place", said)
        new = self.start()
        self.hands.insert(at, new)
        new.given = hand.given
        with suppress(OSError):  # one that ended at once is met again
            if self.told is not None:
                new.pipe.send((None, self.told))
            for given in new.given:
                new.pipe.send(given)

    def close(self) -> None:
        """Let all of them end; none is left, whatever it is doing."""
        for hand in self.hands:
            hand.pipe.close()
            if hand.given:
                hand.process.terminate()
        for hand in self.hands:
            self.bury(hand)
        self.hands = []

    def bury(self, hand: Hand[Task]) -> int:
        """See a process end; give its exit code, below 0 where a signal ended it."""
        hand.pipe.close()
        hand.process.join(PATIENCE)
        if hand.process.exitcode is None:
            hand.process.kill()
            hand.process.join()
        code = hand.process.exitcode or 0
        self.ended(hand.process.pid or 0)
        hand.process.close()
        return code


class Here(Generic[Task, Done]):
    """What does tasks as readers do, in this process, each when its turn comes."""

    count = 1

    def __init__(self, begin: Callable[[Any], Callable[[Task], Done]]) -> None:
        self.make = begin

    def begin(self, told: Any) -> None:
        """Take up what the tasks are about."""
        self.do = self.make(told)

    def read(self, tasks: Iterable[tuple[Task | None, Any]]) -> Iterator[tuple[Done | None, Any]]:
        """Do tasks, and give each result with what came beside its task; no task: no result."""
        for task, beside in tasks:
            yield None if task is None else self.do(task), beside

    def close(self) -> None:
        """Nothing is left."""


def work(
    pipe: Connection,
    others: Iterable[Connection],
    make: Callable[[], Callable[[Any], Callable[[Any], Any]]],
) -> None:
    """Do tasks, in a process of its own, until nobody is there who gives them."""
    signal.set_wakeup_fd(-1)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a terminal sends it to all: the one that writes ends the others
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for other in others:  # who holds one keeps its process alive
        other.close()
    gc.freeze()
    begin = make()
    do: Callable[[Any], Any] | None = None
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            number, told = pipe.recv()
            if number is None:
                do = begin(told)
            else:
                assert do is not None
                pipe.send((number, do(told)))
