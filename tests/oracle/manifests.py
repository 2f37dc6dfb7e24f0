"""Reads YAML as kubectl and Argo CD do, which is not as PyYAML does.

Both turn YAML into JSON with Go's YAML 1.1 parser: `y` is true, `22:22` and `2024-01-01` are strings, `1e3` is a
number, and every key is a string. A checker with PyYAML's ideas would accept what a cluster refuses and the reverse.
"""
import json
import re

import yaml

WORDS = {word: value for value, words in {
    None: ['', '~', 'null', 'Null', 'NULL'],
    True: ['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'true', 'True', 'TRUE'],
    False: ['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF', 'false', 'False', 'FALSE'],
}.items() for word in words}
INTEGER = re.compile(r'([-+]?)(?:0[xX](?P<x>[0-9a-fA-F]+)|0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)|(?P<d>0|[1-9][0-9]*))')
FLOAT = re.compile(r'[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?')
BASES = {'x': 16, 'b': 2, 'o': 8, 'd': 10}


def plain_scalar(text):
    """The JSON value that Go's parser gives to an unquoted scalar."""
    if text in WORDS:
        return WORDS[text]
    digits = text if text.startswith('_') else text.replace('_', '')
    integer = INTEGER.fullmatch(digits)
    if integer:
        base = integer.lastgroup
        return int(integer[1] + integer[base], BASES[base])
    if FLOAT.fullmatch(digits) and abs(float(digits)) != float('inf'):
        number = float(digits)
        return int(number) if number.is_integer() else number
    return text


class Loader(getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):
    """PyYAML's parser with Go's scalars, string keys, and a refusal of keys that occur twice."""

    def resolve(self, kind, value, implicit):
        if kind is yaml.ScalarNode and implicit[0] and value != '<<':
            return '!plain'
        return super().resolve(kind, value, implicit)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value != '<<' and str(key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, 'duplicate field "%s"' % key.value, key.start_mark)
            seen.add(str(key.value))
        pairs = super().construct_mapping(node, deep)
        return {key if isinstance(key, str) else json.dumps(key): value for key, value in pairs.items()}


Loader.add_constructor('!plain', lambda loader, node: plain_scalar(node.value))


def objects(text):
    """The objects of a YAML stream; a List counts as its items. Raises ValueError for what is no object at all."""
    found = []
    try:
        documents = [d for d in yaml.load_all(text, Loader) if d is not None]
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(' '.join(str(error).split())) from error
    for document in documents:
        is_list = isinstance(document, dict) and (document.get('apiVersion'), document.get('kind')) == ('v1', 'List')
        found += (document.get('items') or []) if is_list else [document]
    for thing in found:
        if not isinstance(thing, dict):
            raise ValueError('%r is not an object' % thing)
    return found
