"""Sentences the backend says, in the language of now: it writes English, with numbers and names in fixed places."""

from __future__ import annotations

import re
from functools import cache

from console.i18n import mark, tr, translator

SENTENCES = (
    # diagnosis: what was found
    mark("No step for a long time"), mark("The last step was {time} ago, at step {step}."),
    mark("Loss is not a number"), mark("Gradient norm is not a number"),
    mark("{what} became NaN or infinite at step {step} and at {n} later steps."),
    mark("{what} became NaN or infinite at step {step}."), mark("Gradient norm"), mark("Loss"),
    mark("Loss spike"), mark("Loss jumped from {a} to {b} at step {step} and came back."),
    mark("Loss jumped from {a} to {b} at step {step}."),
    mark("It waits for data"), mark("It waits for data during {share} of each step."),
    mark("{device} is {busy}% busy. It waits for data during {share} of each step."), mark("The CPU"),
    mark("Copying to the card takes long"), mark("Copying batches to GPU {card} takes {share} of each step."),
    mark("Saving takes long"), mark("Checkpoints take {share} of the time: {time} each, {size} at {speed}."),
    mark("The disk is slow"), mark("The disk takes {time} to keep what the run logs in a second."),
    mark("The card is slowed by heat"), mark("The card is at its power limit"),
    mark("GPU {card} lowers its clock at {degrees} °C."), mark("GPU {card} lowers its clock ({a} of {b} W)."),
    mark("GPU {card} lowers its clock."),
    mark("Memory is nearly full"), mark("{device} uses {a} of {b} GB."), mark("The machine"),
    mark("The batch is small for this card"),
    mark("GPU {card} is {busy}% busy and {share} full with batch {n}."),
    mark("Padding is computed for nothing"), mark("{share} of each batch is padding."),
    mark("It learns the training rows by heart"),
    mark("Validation loss rose {n} times in a row: best {a}, now {b}."),
    mark("Loss stays where it is"), mark("Mean loss {a} → {b} over the last {n} logged steps."),
    mark("Another program uses the card"), mark("GPU {card} is shared with {names}."),
    mark("No bottleneck found. {device} is {busy}% busy."), mark("No bottleneck found."),
    mark("Too early to judge: {a} of {b} steps measured."),
    # diagnosis: what to do, and what it is worth
    mark("Stop it and resume from the last checkpoint."), mark("Wait, or look into the log for what it does."),
    mark("Resume from step {n} with the learning rate halved."),
    mark("Go on with the learning rate halved; no checkpoint before it was good."),
    mark("Put the data on a faster disk, or leave a core free for loading it."),
    mark("Check that the card sits in a full-width slot and that no other program fills the bus."),
    mark("Save half as often, or put the home folder on a faster disk."),
    mark("Put the home folder on a faster disk, or find out what else writes to it."),
    mark("Check fans and dust, or lower the power limit."), mark("Raise the power limit if cooling allows it."),
    mark("Halve the batch and accumulate two of them, or turn gradient checkpointing on."),
    mark("Try batch {n}."), mark("Lower max length."), mark("Group by length."),
    mark("Use the checkpoint of step {n}; next time stop early."), mark("Stop here, or try another learning rate."),
    mark("End it, or choose another card."),
    mark("up to {factor} × faster, {left} left instead of {before}"), mark("up to {factor} × faster"),
    mark("{share} of the time saved"), mark("{share} of the run saved"),
    mark("{n} of {all} steps are kept"), mark("what is logged is safe up to {time} sooner"),
    mark("{n} steps since the last checkpoint are not lost to a full memory"),
    mark("validation loss {a} instead of {b}"), mark("{size} of the card become free"),
    # rules: what is kept of the past
    mark("Nothing is kept yet that this rule speaks of."),
    # the power limit of a card
    mark("The driver lets only an administrator change it."), mark("This card takes no power limit."),
    mark("The card takes {a} to {b} W, not {c} W."), mark("The driver does not take this value."),
    mark("The driver took {a} W, but the limit is {b}."), mark("The card has stopped answering."),
    # what happened to a run
    mark("Queued to continue"), mark("Queued"), mark("Paused"), mark("Resumed"), mark("Stopping"),
    mark("Checkpoint at step {n}"), mark("Evaluated on {n} rows of {split}"), mark("Model of step {n} saved"),
    mark("Forked from {name} at step {n}"), mark("{name} forked at step {n}"), mark("Changed: {what}"),
    mark("Its folder is gone: {path}"), mark("Its folder is back"),
    mark("{n} min"), mark("{n} s"),
)  # fmt: skip
"""A sentence that begins like another one with more behind it stands before it."""


def said(text: str) -> str:
    """The sentence in the language of now; one that is not in the list stays as the backend wrote it."""
    if translator.language == "en":
        return text
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(text):
            places = {name: said(value) for name, value in found.groupdict().items()}
            return tr(sentence, **places)
    return text


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((sentence, _pattern(sentence)) for sentence in SENTENCES)


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", sentence)
    text = "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    return re.compile(text, re.DOTALL)
