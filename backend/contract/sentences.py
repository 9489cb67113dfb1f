"""Sentences the backend says, with numbers and names in fixed places, so that a reader's language can have them."""

import re
from functools import cache
from typing import Protocol


def mark(text: str) -> str:
    """Mark a literal as to be translated later; returns it unchanged. The catalogue test collects these."""
    return text


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
    # a run that does not come on, and cards that cannot be read
    mark("No progress for {time}"), mark("It goes on"),
    mark("It hangs: no step for {time}. You may stop it; nothing is stopped by itself"),
    mark("No NVIDIA driver: libnvidia-ml.so.1 is not installed."),
    mark("The NVIDIA driver is installed but not loaded."), mark("Load it, or restart the machine."),
    mark("This user may not read the NVIDIA driver."), mark("Ask for access to /dev/nvidia*."),
    mark("The NVIDIA driver and its library have different versions, as after an update."),
    mark("Restart the machine."),
    # why a run ended, and what to do
    mark("{what} (after step {n})"),
    mark("Crashed ({name}, signal {n})"), mark("Killed by signal {n} ({name})"),
    mark("Killed by the kernel because the machine ran out of memory, its peak was {peak} (signal 9, SIGKILL)"),
    mark("Killed by the kernel because the machine ran out of memory (signal 9, SIGKILL)"),
    mark("Its processes disappeared without a record of how they ended"),
    mark("The machine was restarted while it ran"),
    mark("Finished with error after save: killed by signal {n} ({name})"),
    mark("Finished with error after save: exit code {n}"),
    mark("Ended with exit code {n} without a last word: {line}"), mark("Ended with exit code {n} without a last word"),
    mark("{place} ran out of memory at step {step}: batch {batch}, length {length}, {precision}."),
    mark("The GPU stopped answering: {text}"), mark("A weights file cannot be read: {text}"),
    mark("A file is missing: {name}."), mark("The system refused: {error}."),
    mark("Start it again: it had no checkpoint to resume from."),
    mark("Use a smaller batch or shorter texts, or end what else uses the memory; then resume."),
    mark("Correct the named rows in the data, import it again and start a new run."),
    mark("Lower the learning rate or clip gradients, then go on from the last good checkpoint."),
    mark("Something outside the run ended it; resume it from its last checkpoint."),
    mark("Free some space on the disk of the home folder, then resume."),
    mark("Put the named file back, or choose another base model or dataset."),
    mark("Choose another base model, or fetch this one again: its files do not fit together."),
    mark("Resume from an older checkpoint, or start anew: this one is damaged."),
    mark("Change the named setting and start again."),
    mark("Restart the machine or reload the GPU driver, then resume from the last checkpoint."),
    mark("Look at the end of the log; resume the run to let it finish."), mark("Resume it: nothing saved is lost."),
    mark("Let the run finish with the version that started it, or start it again."),
    mark("Read the traceback; the last lines of the log say what the run was doing."),
    mark("Completed"), mark("Stopped"), mark("Failed"), mark("Started"),
    # why an alert has ended by itself
    mark("Traffic looks like the reference again."), mark("The endpoint was deleted."),
    mark("Inputs drift too, which explains it; they have an alert of their own."),
    mark("Inputs look like the reference again; predictions have an alert of their own."),
    mark("What it spoke of is gone."), mark("The card answers again."), mark("The run was deleted."),
    mark("The rule was switched off."), mark("The rule was changed."), mark("It is as it should be again."),
    mark("Below the limit again."), mark("v{n} is live now."),
    mark("{n} min"), mark("{n} s"),
)  # fmt: skip
"""A sentence that begins like another one with more behind it stands before it."""


class Translate(Protocol):
    """English text and the values of its places → the text in some language."""

    def __call__(self, text: str, **places: object) -> str: ...


def translated(text: str, translate: Translate) -> str:
    """What the backend said, in another language; a sentence that is not in the list stays as it was written."""
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(text):
            places = {name: translated(value, translate) for name, value in found.groupdict().items()}
            return translate(sentence, **places)
    return text


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((sentence, _pattern(sentence)) for sentence in SENTENCES)


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", sentence)
    text = "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    return re.compile(text, re.DOTALL)
