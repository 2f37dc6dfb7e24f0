"""The syntax of names, keys, values and quantities, and the few words that the rules are written in.

A rule is a generator of (field, message), such as ('spec.ports[0].name', 'required value').
"""
import re
from decimal import Decimal

LABEL = r'[a-z0-9]([-a-z0-9]*[a-z0-9])?'
SUBDOMAIN = r'{0}(\.{0})*'.format(LABEL)
NAMES = {'DNS-1123 label': (LABEL, 63), 'DNS-1035 label': (r'[a-z]([-a-z0-9]*[a-z0-9])?', 63),
         'DNS-1123 subdomain': (SUBDOMAIN, 253), 'CronJob name': (SUBDOMAIN, 52),
         'path segment': (r'(?!\.{1,2}$)[^/%]+', 10 ** 9),
         'port name': (r'(?=.*[a-z])(?!.*--)' + LABEL, 15),
         'configuration key': (r'(?!\.{1,2}$)(?!\.\..*)[-._a-zA-Z0-9]+', 253),
         'environment variable name': (r'[ -<>-~]+', 10 ** 9)}
QUANTITY = re.compile(r'([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?))', re.ASCII)
SUFFIXES = dict({'': 1}, **{s: Decimal(10) ** e for s, e in zip('numkMGTPE', (-9, -6, -3, 3, 6, 9, 12, 15, 18))},
                **{s + 'i': Decimal(1024) ** e for s, e in zip('KMGTPE', range(1, 7))})


def misnamed(rule, text):
    """Why a text is no name of that sort, or None."""
    pattern, longest = NAMES[rule]
    if not re.fullmatch(pattern, text):
        return '%r is not a valid %s' % (text, rule)
    return '%r is longer than %d characters' % (text, longest) if len(text) > longest else None


def bad_key(key):
    """Why a text is no key of a label or annotation, or None."""
    prefix, slash, name = key.rpartition('/')
    good = re.fullmatch(r'[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?', name) and len(name) <= 63
    good = good and (not slash or not misnamed('DNS-1123 subdomain', prefix))
    return None if good else '%r is not a qualified name' % key


def bad_value(value):
    """Why a text is no value of a label, or None."""
    good = re.fullmatch(r'([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?', value) and len(value) <= 63
    return None if good else '%r is not a label value' % value


def amount(quantity):
    """A quantity as a number."""
    number, exponent, suffix = QUANTITY.fullmatch(str(quantity)).groups()
    return Decimal(number + exponent) if exponent else Decimal(number) * SUFFIXES[suffix or '']


def entries(node, key, at):
    """(entry, its field) of a list of objects."""
    field = '%s.%s' % (at, key) if at else key
    return [(e, '%s[%d]' % (field, i)) for i, e in enumerate(node.get(key) or []) if isinstance(e, dict)]


def said(*pairs):
    """The (field, message) pairs that have a message."""
    return [(field, message) for field, message in pairs if message]


def repeated(pairs):
    """Complaints about values that occur again, of (value, field) pairs."""
    seen = set()
    for value, field in pairs:
        if value in seen:
            yield field, 'duplicate value %r' % value
        seen.add(value)


def exactly_one(node, at, fields, what):
    """Complains unless one of the fields is there, and no more."""
    found = [f for f in node if f in fields] if fields else list(node)
    if len(found) != 1:
        yield at, '%s, but there is %s' % (what, ' and '.join(sorted(found)) or 'none')
