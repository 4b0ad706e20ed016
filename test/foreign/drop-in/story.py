"""What every story does: wait for a state, and see a refusal."""

import time


def until(read, is_wanted=bool):
    """Polls, since Vultr's API has no other way to wait."""
    for _ in range(1000):
        value = read()
        if is_wanted(value):
            return value
        time.sleep(0.02)
    raise TimeoutError("not in time: %r" % value)


def refusal(call, kind):
    """The failure of a call that is to be refused."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("not refused")
