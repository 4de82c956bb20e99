"""Characters that nobody sees, and that change what is seen: evidence in a text, never obeyed where it is shown or exported."""

import re

UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters: a terminal or a log would act on them
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # nothing to see, or text turned round
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0"  # joiners, fillers and blanks that are letters
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # how foreign signs are laid out
    "\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff"  # half a character; private use: another sign, or none, in every font
    "\ufff9-\ufffb\U000e0000-\U000e007f"  # interlinear marks and tag characters: text inside text
    "\ufdd0-\ufdef\ufffe\uffff" + "".join(f"{chr(n - 1)}{chr(n)}" for n in range(0x1FFFF, 0xF0000, 0x10000))
)  # the last: what is no character, and no XML may have
"""Characters that change how text is shown without being seen themselves."""
CHOOSERS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""One chooses the form of the character before it; a second one in a row says something that nobody sees."""
STACKED = "\u0300-\u034e\u0350-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
"""Signs that stand on the character before them; where many do, they cover the lines around."""
UNSEEN_RE = re.compile(f"([{UNSEEN}])\\1*|(?<=[{CHOOSERS}])[{CHOOSERS}]|(?<=[{STACKED}]{{8}})[{STACKED}]+")
"""What is named instead of shown; a run of one character at once, for a flood of them is no longer than its name."""
