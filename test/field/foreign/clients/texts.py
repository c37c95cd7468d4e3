"""What is the same in every run of a client: the texts and the states of what it received, in their order."""


def texts_of(value):
    if isinstance(value, list):
        return [text for entry in value for text in texts_of(entry)]
    if not isinstance(value, dict):
        return []
    own = [value[key] for key in ('text', 'state') if isinstance(value.get(key), str)]
    return own + [text for key in sorted(value) for text in texts_of(value[key])]
