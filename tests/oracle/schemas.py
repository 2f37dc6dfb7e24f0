"""What an API server checks by schema: fields, types, enumerations, patterns, unique list entries.

Built-in kinds come from kubernetes-validate's strict schemas, custom kinds from CustomResourceDefinitions, rewritten
as JSON Schema so that one engine (jsonschema) judges both. Not evaluated: CEL rules (x-kubernetes-validations).
"""
import base64
import copy
import functools
import json
import pathlib
import re

import jsonschema
import kubernetes_validate
import yaml
from referencing import Registry, Resource

from names import QUANTITY

DEFINITIONS = 'https://kubernetes.io/api/_definitions.json'
META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
TIME = re.compile(r'\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)', re.ASCII)

# Fields that the schema requires and the server takes to be empty when they are missing.
NOT_REQUIRED = {'io.k8s.api.core.v1.LimitRangeSpec': 'limits', 'io.k8s.api.rbac.v1.RoleRef': 'apiGroup',
                'io.k8s.api.scheduling.v1.PriorityClass': 'value'}
# Shown as alternatives by oneOf, of which null fits both and so is refused. The server takes null for absence.
SCALARS = {
    'io.k8s.apimachinery.pkg.api.resource.Quantity': {'type': ['string', 'number', 'null'], 'format': 'quantity'},
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {'type': ['string', 'integer', 'null']},
}
# List keys that have a default in the server, so that an entry without the key is the same as one with the default.
KEY_DEFAULTS = {'protocol': 'TCP'}
# Kinds of the schemas that belong to a subresource or an answer: nothing creates them from a file.
NOT_OBJECTS = {'Binding', 'DeleteOptions', 'Eviction', 'Scale', 'Status', 'TokenRequest', 'WatchEvent'}

FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks('quantity')
def is_quantity(value):
    return value is None or not isinstance(value, str) or QUANTITY.fullmatch(value) is not None


@FORMATS.checks('byte', raises=ValueError)
def is_base64(value):
    return not isinstance(value, str) or base64.b64decode(re.sub('[\r\n]', '', value), validate=True) is not None


@FORMATS.checks('date-time')
def is_time(value):
    return not isinstance(value, str) or TIME.fullmatch(value) is not None


@FORMATS.checks('int32')
def is_int32(value):
    return not isinstance(value, int) or -2 ** 31 <= value < 2 ** 31


@FORMATS.checks('int64')
def is_int64(value):
    return not isinstance(value, int) or -2 ** 63 <= value < 2 ** 63


@functools.lru_cache(None)
def go_pattern(pattern):
    """A pattern of Go in Python: `$` is the very end, \\d and \\w are ASCII, and (?i) may stand anywhere."""
    flags = re.ASCII | (re.IGNORECASE if '(?i)' in pattern else 0)
    return re.compile(re.sub(r'(?<!\\)\$$', r'\\Z', pattern.replace('(?i)', '')).replace(r'\z', r'\Z'), flags)


def matches_pattern(validator, pattern, value, schema):
    """The keyword `pattern`, with Go's rules."""
    if isinstance(value, str) and not go_pattern(pattern).search(value):
        yield jsonschema.ValidationError('%r does not match %s' % (value, pattern))


def unique_entries(validator, list_type, value, schema):
    """Duplicates in a list of type set or map. For built-in kinds it is server-side apply that refuses them."""
    if list_type not in ('set', 'map') or not isinstance(value, list):
        return
    keys, seen = schema.get('x-kubernetes-list-map-keys', []), set()
    for index, entry in enumerate(value):
        if list_type == 'map' and isinstance(entry, dict):
            entry = {key: entry.get(key, KEY_DEFAULTS.get(key)) for key in keys}
        identity = json.dumps(entry, sort_keys=True)
        if identity in seen:
            yield jsonschema.ValidationError('duplicate entry %s' % identity, path=[index])
        seen.add(identity)


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {'pattern': matches_pattern, 'x-kubernetes-list-type': unique_entries})


def field_of(path):
    """['spec', 'ports', 0, 'name'] as spec.ports[0].name; a key that holds dots stands in brackets."""
    text = ''
    for part in path:
        if isinstance(part, int) or not re.fullmatch(r'[\w$-]+', part):
            text += '[%s]' % part
        else:
            text += '.' * bool(text) + part
    return text


def problems(validator, value):
    """(field, message) for each thing that the schema refuses; the field is the one to add or to take away."""
    for error in validator.iter_errors(value):
        path = list(error.absolute_path)
        if error.validator == 'additionalProperties' and error.validator_value is False:
            for name in error.instance:
                if name not in error.schema.get('properties', {}):
                    yield field_of(path + [name]), 'unknown field'
        elif error.validator == 'required':
            yield field_of(path + [re.match("'(.*)' is", error.message)[1]]), 'required value'
        else:
            yield field_of(path), error.message if len(error.message) < 200 else error.message[:200] + '...'


def filled(value, schema):
    """The object as the server validates a custom resource: nulls of fields that take none are gone, and defaults
    are in."""
    if isinstance(value, list) and isinstance(schema.get('items'), dict):
        return [filled(item, schema['items']) for item in value]
    if not isinstance(value, dict):
        return value
    fields, others = schema.get('properties', {}), schema.get('additionalProperties')
    result = {}
    for name, item in value.items():
        at = fields.get(name, others if isinstance(others, dict) else None)
        if item is None and at is not None and not at.get('nullable'):
            continue
        result[name] = filled(item, at) if at else item
    for name, at in fields.items():
        if 'default' in at and name not in result:
            result[name] = filled(copy.deepcopy(at['default']), at)
    return result


def json_schema(structural, is_object=False):
    """A structural schema as JSON Schema in which a field that the server would prune is an error."""
    own = {'properties', 'items', 'additionalProperties', 'default', 'nullable', 'example', 'x-kubernetes-validations'}
    schema = {key: value for key, value in structural.items() if key not in own}
    fields = {name: json_schema(at) for name, at in structural.get('properties', {}).items()}
    others = structural.get('additionalProperties')
    if is_object or structural.get('x-kubernetes-embedded-resource'):
        fields.update(apiVersion={'type': 'string'}, kind={'type': 'string'},
                      metadata={'$ref': DEFINITIONS + '#/$defs/' + META})
        schema['required'] = sorted({'apiVersion', 'kind', *schema.get('required', [])})
    if fields:
        schema['properties'] = fields
    if isinstance(others, dict):
        schema['additionalProperties'] = json_schema(others)
    elif structural.get('type') == 'object' and not others:
        schema['additionalProperties'] = bool(structural.get('x-kubernetes-preserve-unknown-fields'))
    if 'items' in structural:
        schema['items'] = json_schema(structural['items'])
    if schema.get('format') in ('int32', 'int64'):
        del schema['format']  # the server does not check these of a custom resource
    if structural.get('x-kubernetes-int-or-string'):
        schema['type'] = ['integer', 'string']
        if schema.get('anyOf') == [{'type': 'integer'}, {'type': 'string'}]:
            del schema['anyOf']  # says the same again
    return {'anyOf': [{'type': 'null'}, schema]} if structural.get('nullable') else schema


class Schemas:
    """Finds the schema of an object, and compiles each one once."""

    def __init__(self, version, crds):
        root = pathlib.Path(kubernetes_validate.__file__).parent / 'kubernetes-json-schema'
        path = root / ('v%s.0-local-strict' % version) / '_definitions.json'
        if not path.exists():
            raise LookupError('kubernetes-validate has no schemas for Kubernetes %s' % version)
        definitions = json.loads(path.read_text())
        self.builtin = self.repair(definitions['$defs'])
        self.registry = Registry().with_resource(DEFINITIONS, Resource.from_contents(definitions))
        self.crds = [(p, p.read_text()) for p in sorted(pathlib.Path(crds).glob('*.y*ml'))] if crds else []
        self.compiled = {}

    @staticmethod
    def repair(definitions):
        """Mends what is known to be wrong in the schemas, and returns the definition of each (group, version, kind)."""
        for name, schema in SCALARS.items():
            definitions[name] = schema
        for name, field in NOT_REQUIRED.items():
            definitions[name]['required'].remove(field)
            one = definitions[name]['properties'][field]
            one['type'] = [one['type'], 'null']
        for schema in definitions.values():
            for name, one in schema.get('properties', {}).items():
                if name in schema.get('required', []) and one.get('$ref', '')[8:] in SCALARS:
                    one['not'] = {'type': 'null'}
                # An entry of null lacks what the server requires of it.
                if definitions.get(one.get('items', {}).get('$ref', '')[8:], {}).get('required'):
                    one['items']['type'] = 'object'
        return {(g['group'], g['version'], g['kind']): name for name, schema in definitions.items()
                for g in schema.get('x-kubernetes-group-version-kind', [])
                if g['kind'] not in NOT_OBJECTS and 'metadata' in schema['properties']
                and schema['properties']['metadata'].get('$ref', '').endswith('.ObjectMeta')}

    def definition(self, group, kind):
        """The CustomResourceDefinition of a kind, or None. Reads only the files that may hold it: parsing all takes
        a second."""
        for path, text in self.crds:
            if 'kind: ' + kind in text and group in text:
                for document in yaml.load_all(text, getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):
                    spec = (document or {}).get('spec', {})
                    if spec.get('group') == group and spec['names']['kind'] == kind:
                        return spec
        return None

    def is_builtin(self, thing):
        """Whether a kind is one of Kubernetes' own."""
        group, _, version = thing['apiVersion'].rpartition('/')
        return (group, version, thing['kind']) in self.builtin

    def compile(self, group, version, kind):
        """(validator, structural schema or None, []), or (None, None, [problem]) for a kind that no server serves."""
        if (group, version, kind) in self.builtin:
            if re.search('alpha|beta', version):
                return None, None, [('apiVersion', '%s is not served by default' % version)]
            reference = DEFINITIONS + '#/$defs/' + self.builtin[group, version, kind]
            return Validator({'$ref': reference}, registry=self.registry, format_checker=FORMATS), None, []
        definition = self.definition(group, kind)
        if not definition:
            what = '%s of %s' % (kind, '/'.join(filter(None, [group, version])))
            return None, None, [('kind', 'no built-in kind and no CustomResourceDefinition is ' + what)]
        served = {v['name']: v for v in definition['versions'] if v['served']}
        if version not in served:
            return None, None, [('apiVersion', '%s is not served, but %s' % (version, ', '.join(served)))]
        structural = served[version]['schema']['openAPIV3Schema']
        schema = json_schema(structural, is_object=True)
        return Validator(schema, registry=self.registry, format_checker=FORMATS), structural, []

    def check(self, thing):
        """(problems, is the kind a built-in one) of an object with a kind and an apiVersion."""
        group, _, version = thing['apiVersion'].rpartition('/')
        key = group, version, thing['kind']
        if key not in self.compiled:
            self.compiled[key] = self.compile(*key)
        validator, structural, unknown = self.compiled[key]
        if unknown:
            return unknown, False
        value = filled(thing, structural) if structural else thing
        return list(problems(validator, value)), structural is None
