"""
Search for regular expressions in a time that is bounded.

A matcher that tries one way after the other, as Python's does, may try
exponentially many, and whoever chooses the text chooses the time.  Here all
ways are gone at once: the places in the expressions where a match may be are
the bits of one number, which each character of the text turns into the next.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field, frozen

from txregistry.model.characters import Characters
from txregistry.model.regex import (
    Alternation,
    Concatenation,
    Edge,
    InvalidRegex,
    Node,
    Repetition,
    parse_regex,
)

#: How many parts the expressions of one automaton may have together, repetitions written out.
SIZE_LIMIT = 10_000
#: How many steps an automaton remembers, and how many characters.
_REMEMBERED = 1000

_ACCEPT = 1


@define(eq=False, slots=True)
class _State:
    """
    A place in the expressions.

    :ivar bit: the state's own bit, if it is reached with a character that it takes; of other states 0.
    :ivar edge: what must be there to go on.
    :ivar next: the states behind it.
    """

    bit: int = 0
    edge: Edge | None = None
    next: list[_State] = field(factory=list)


@frozen(slots=True)
class _Table:
    """
    Where the bits go, in texts where certain edges are.

    :ivar plain: the bits that (also) go to the one below.
    :ivar others: bits, and where they all go.
    """

    plain: int
    others: tuple[tuple[int, int], ...]

    def follow(self, places: int) -> int:
        """The bits that are reached from those of *places*."""
        reached = (places & self.plain) >> 1
        for sources, targets in self.others:
            if places & sources:
                reached |= targets
        return reached


class Automaton:
    """
    Finds out whether any of *expressions* occurs somewhere in a text.

    It remembers steps, within bounds; any number of threads may use it.

    :raises InvalidRegex: one of them cannot be used, or they are too large together.
    """

    def __init__(self, expressions: Iterable[str]) -> None:
        self._states: list[_State] = []
        self._takers: dict[Characters, int] = {}
        self._edges: list[Edge] = []
        self._count = 0
        accept = _State(bit=_ACCEPT)
        begin = self._state(*[self._build(parse_regex(text), accept) for text in expressions])
        self._begin = self._place(begin)
        self._tables: dict[int, _Table] = {}
        self._steps: dict[tuple[int, int], int] = {}
        self._reached: dict[str, int] = {}

    def search(self, text: str) -> bool:
        """Whether one of the expressions occurs in *text*; takes a time in proportion to its length."""
        places = self._begin
        for index in range(len(text) + 1):
            reached = self._follow(places, self._edges_at(text, index) if self._edges else 0)
            if reached & _ACCEPT:
                return True
            if index < len(text):
                places = reached & self._taking(text[index]) | self._begin
        return False

    # --- building, from the end to the beginning ---

    def _state(self, *next: _State, edge: Edge | None = None) -> _State:
        if self._count >= SIZE_LIMIT:
            raise InvalidRegex(f"more than {SIZE_LIMIT} parts, repetitions written out")
        self._count += 1
        return _State(edge=edge, next=list(next))

    def _place(self, state: _State) -> int:
        """Give *state* a bit of its own, the one above the last."""
        self._states.append(state)
        state.bit = _ACCEPT << len(self._states)
        return state.bit

    def _build(self, node: Node, after: _State) -> _State:
        """The state where *node* begins that goes on with *after*."""
        match node:
            case Characters():
                state = self._state(after)
                self._takers[node] = self._takers.get(node, 0) | self._place(state)
                return state
            case Edge():
                if node not in self._edges:
                    self._edges.append(node)
                return self._state(after, edge=node)
            case Concatenation(parts):
                for part in reversed(parts):
                    after = self._build(part, after)
                return after
            case Alternation(parts):
                return self._state(*[self._build(part, after) for part in parts])
            case Repetition(part, least, most):
                return self._repetition(part, least, most, after)

    def _repetition(self, part: Node, least: int, most: int | None, after: _State) -> _State:
        begin = after
        if most is None:
            loop = self._state()
            body = self._build(part, loop)
            loop.next += [body, after]
            begin, least = (loop, 0) if least == 0 else (body, least - 1)
        else:
            for _ in range(most - least):
                begin = self._state(self._build(part, begin), after)
        for _ in range(least):
            begin = self._build(part, begin)
        return begin

    # --- searching ---

    def _edges_at(self, text: str, index: int) -> int:
        """Which of the expressions' edges are before the character *index*, as bits."""
        before, after = text[index - 1 : index] if index else "", text[index : index + 1]
        there = 0
        for number, edge in enumerate(self._edges):
            there |= _is_edge(edge, before, after) << number
        return there

    def _taking(self, character: str) -> int:
        """The places that take *character*."""
        taking = self._reached.get(character)
        if taking is None:
            taking = 0
            for characters, places in self._takers.items():
                if character in characters:
                    taking |= places
            if len(self._reached) >= _REMEMBERED:
                self._reached.clear()
            self._reached[character] = taking
        return taking

    def _follow(self, places: int, edges: int) -> int:
        step = (places, edges)
        reached = self._steps.get(step)
        if reached is None:
            table = self._tables.get(edges)
            if table is None:
                table = self._tables[edges] = self._table(edges)
            reached = table.follow(places)
            if len(self._steps) >= _REMEMBERED:
                self._steps.clear()
            self._steps[step] = reached
        return reached

    def _table(self, edges: int) -> _Table:
        there = {edge for number, edge in enumerate(self._edges) if edges >> number & 1}
        plain = 0
        others: dict[int, int] = {}
        known: dict[int, int] = {}
        for state in self._states:
            targets = 0
            for each in state.next:
                if id(each) not in known:
                    known[id(each)] = _reachable(each, there)
                targets |= known[id(each)]
            if targets & state.bit >> 1:
                plain |= state.bit
                targets ^= state.bit >> 1
            if targets:
                others[targets] = others.get(targets, 0) | state.bit
        return _Table(plain, tuple((sources, targets) for targets, sources in others.items()))


def _reachable(state: _State, there: set[Edge]) -> int:
    """The bits that *state* leads to without a character, where the edges *there* are."""
    bits, seen, open_states = 0, {id(state)}, [state]
    while open_states:
        current = open_states.pop()
        if current.bit:
            bits |= current.bit
        elif current.edge is None or current.edge in there:
            for each in current.next:
                if id(each) not in seen:
                    seen.add(id(each))
                    open_states.append(each)
    return bits


def _is_edge(edge: Edge, before: str, after: str) -> bool:
    """Whether *edge* is between two characters; the empty one stands for none."""
    match edge:
        case Edge.BEGIN:
            return not before
        case Edge.END:
            return not after
        case Edge.LINE_BEGIN:
            return before in ("", "\n")
        case Edge.LINE_END:
            return after in ("", "\n")
        case Edge.WORD | Edge.NOT_WORD:
            return (_is_word(before) is not _is_word(after)) is (edge is Edge.WORD)


def _is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")
