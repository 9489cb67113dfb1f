"""Instructions as token ids: the tokenizer's chat template, or a plain one of ours where it has none."""

from collections.abc import Sequence
from typing import Any

from backend.contract.states import FailureCode
from backend.worker.parts.failure import RunFailed

PLAIN = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\n\n' }}"
    "{% elif message['role'] == 'user' %}{{ '### Instruction:\n' + message['content'] + '\n\n' }}"
    "{% else %}{{ '### Answer:\n' + message['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Answer:\n' }}{% endif %}"
)
"""Headings in words; no token of its own is needed."""

_HERE = "PROMPT-STANDS-HERE"


def give_template(tokenizer: Any) -> None:
    """Ours, unless the tokenizer has one."""
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN


def render(tokenizer: Any, prompt: str, answer: str | None, system: str = "") -> str:
    """A dialogue as text, up to where the answer begins (None) or with it; RunFailed when the template cannot."""
    messages = [{"role": "system", "content": system}] if system.strip() else []
    messages.append({"role": "user", "content": prompt})
    if answer is not None:
        messages.append({"role": "assistant", "content": answer})
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answer is None)
    except Exception as error:  # a template may raise anything
        raise RunFailed(
            FailureCode.BAD_MODEL,
            f"The chat template of the base model cannot write this dialogue: {str(error)[:200]}",
            "Choose another model, or leave the system column out.",
        ) from error
    return str(text)


def around(tokenizer: Any) -> tuple[str, str]:
    """What stands before and after a prompt; serving puts it there without running the template."""
    before, found, after = render(tokenizer, _HERE, None).partition(_HERE)
    if not found:
        raise RunFailed(FailureCode.BAD_MODEL, "The chat template leaves the prompt out.", "Choose another model.")
    return before, after


def encode_dialogue(tokenizer: Any, prompt: str, answer: str, system: str) -> tuple[list[int], list[int]]:
    """(ids up to the answer, ids of the answer with its end); both are cut into tokens apart, as serving will do."""
    begun = render(tokenizer, prompt, None, system)
    whole = render(tokenizer, prompt, answer, system)
    rest = whole[len(begun) :] if whole.startswith(begun) else answer + (tokenizer.eos_token or "")
    asked, said = (tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] for text in (begun, rest))
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in said:
        said = [*said, tokenizer.eos_token_id]
    return list(asked), list(said)


def end_ids(tokenizer: Any, answers: Sequence[Sequence[int]]) -> list[int]:
    """Tokens that end an answer: the tokenizer's end, and the last special token of the answers it was trained on
    (templates end a turn with one of their own)."""
    special = set(tokenizer.all_special_ids)
    ends = {tokenizer.eos_token_id} if tokenizer.eos_token_id is not None else set()
    for said in answers[:100]:
        ends |= set([token for token in said if token in special][-1:])
    return sorted(int(token) for token in ends)
