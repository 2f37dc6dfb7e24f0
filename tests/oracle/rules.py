"""What an API server checks beyond schemas, as far as it is cheap: names, labels, ports, quantities, references inside
the object, fields that exclude each other. Expects an object that fits its schema. Of custom kinds only the metadata
is looked at: the server knows no more of them.
"""
import re

from kinds import RULES
from names import bad_key, bad_value, entries, misnamed, said
from pods import TEMPLATES, pod

NAME_OF_KIND = {'Namespace': 'DNS-1123 label', 'Service': 'DNS-1035 label', 'StatefulSet': 'DNS-1123 label',
                'CronJob': 'CronJob name', 'PodDisruptionBudget': 'path segment', 'Role': 'path segment',
                'ClusterRole': 'path segment', 'RoleBinding': 'path segment', 'ClusterRoleBinding': 'path segment'}
CLUSTER_SCOPED = set('''Namespace ClusterRole ClusterRoleBinding StorageClass IngressClass PriorityClass RuntimeClass
    PersistentVolume CustomResourceDefinition APIService ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
    ValidatingWebhookConfiguration MutatingWebhookConfiguration CSIDriver'''.split())
# Fields that mean the same wherever they occur in a built-in kind. An empty string stands for the default.
ENUMS = {
    'concurrencyPolicy': 'Allow Forbid Replace', 'completionMode': 'NonIndexed Indexed',
    'dnsPolicy': 'ClusterFirstWithHostNet ClusterFirst Default None',
    'effect': 'NoSchedule PreferNoSchedule NoExecute',
    'externalTrafficPolicy': 'Cluster Local', 'fsGroupChangePolicy': 'Always OnRootMismatch',
    'imagePullPolicy': 'Always IfNotPresent Never', 'internalTrafficPolicy': 'Cluster Local',
    'pathType': 'Exact Prefix ImplementationSpecific', 'podManagementPolicy': 'OrderedReady Parallel',
    'policyTypes': 'Ingress Egress', 'preemptionPolicy': 'Never PreemptLowerPriority', 'protocol': 'TCP UDP SCTP',
    'scheme': 'HTTP HTTPS', 'sessionAffinity': 'ClientIP None',
    'terminationMessagePolicy': 'File FallbackToLogsOnError',
    'whenUnsatisfiable': 'DoNotSchedule ScheduleAnyway', 'volumeMode': 'Block Filesystem',
    'accessModes': 'ReadWriteOnce ReadOnlyMany ReadWriteMany ReadWriteOncePod',
    'reclaimPolicy': 'Delete Recycle Retain', 'volumeBindingMode': 'Immediate WaitForFirstConsumer',
}
NOT_NEGATIVE = set('''replicas initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold
    minReadySeconds revisionHistoryLimit backoffLimit activeDeadlineSeconds completions
    ttlSecondsAfterFinished parallelism startingDeadlineSeconds successfulJobsHistoryLimit failedJobsHistoryLimit
    progressDeadlineSeconds partition runAsUser runAsGroup fsGroup'''.split())
PORTS = {'containerPort': 1, 'port': 1, 'number': 1, 'endPort': 1, 'hostPort': 0, 'nodePort': 0, 'targetPort': 0}
NAMED = {'serviceAccountName', 'priorityClassName', 'ingressClassName', 'storageClassName'}
REFERENCES = {'configMapKeyRef', 'secretKeyRef', 'configMapRef', 'secretRef'}
# Maps whose keys are the author's, so that a key there says nothing about the field.
AUTHORS_MAPS = {'labels', 'annotations', 'matchLabels', 'nodeSelector', 'data', 'stringData', 'binaryData',
                'parameters', 'limits', 'requests', 'hard'}


def metadata(thing, builtin):
    """Names, labels and annotations, which every kind has."""
    meta = thing.get('metadata') or {}
    rule = NAME_OF_KIND.get(thing['kind'], 'DNS-1123 subdomain') if builtin else 'DNS-1123 subdomain'
    name, prefix = meta.get('name'), meta.get('generateName')
    space = None if builtin and thing['kind'] in CLUSTER_SCOPED else meta.get('namespace')  # there, it is ignored
    if not name and not prefix:
        yield 'metadata.name', 'required value'
    yield from said(('metadata.name', name and misnamed(rule, name)),
                    ('metadata.generateName', prefix and misnamed(rule, re.sub('(?<=.)-$', 'a', prefix))),
                    ('metadata.namespace', space and misnamed('DNS-1123 label', space)))
    yield from labels(meta, 'metadata')


def labels(meta, at):
    """The syntax of labels and annotations; Kubernetes reads annotation keys without regard to case."""
    for key, value in (meta.get('labels') or {}).items():
        yield from said((at + '.labels', bad_key(key) or bad_value(value or '')))
    for key in meta.get('annotations') or {}:
        yield from said((at + '.annotations', bad_key(key.lower())))
    if sum(len(k) + len(v or '') for k, v in (meta.get('annotations') or {}).items()) > 256 * 1024:
        yield at + '.annotations', 'longer than 256 KiB'


def fields(node, at=''):
    """Checks that a field's name alone calls for, throughout an object."""
    if isinstance(node, list):
        for index, entry in enumerate(node):
            yield from fields(entry, '%s[%d]' % (at, index))
    if not isinstance(node, dict):
        return
    if 'matchLabels' in node or 'matchExpressions' in node:
        yield from selector(node, at)
    for key, value in node.items():
        here = '%s.%s' % (at, key) if at else key
        yield from field(key, value, here)
        if key == 'metadata' and at:
            yield from labels(value, here)
        if key not in AUTHORS_MAPS:
            yield from fields(value, here)


def field(key, value, at):
    """One field by its name."""
    for one in value if isinstance(value, list) else [value]:
        if key in ENUMS and isinstance(one, str) and one and one not in ENUMS[key].split():
            yield at, '%r is not one of %s' % (one, ENUMS[key].replace(' ', ', '))
    if key in NOT_NEGATIVE and isinstance(value, int) and value < 0:
        yield at, '%d is negative' % value
    if key in PORTS and isinstance(value, int) and not PORTS[key] <= value <= 65535:
        yield at, '%d is not between 1 and 65535' % value
    if key in PORTS and isinstance(value, str) and (value or key != 'targetPort'):
        yield from said((at, misnamed('port name', value)))
    if key in NAMED and value:
        yield from said((at, misnamed('DNS-1123 subdomain', value)))
    if key in REFERENCES and value.get('name'):
        yield from said((at + '.name', misnamed('DNS-1123 subdomain', value['name'])))
    if key == 'nodeSelector' and isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
        for name, wanted in value.items():
            yield from said((at, bad_key(name) or bad_value(wanted)))
    if key in ('maxSurge', 'maxUnavailable', 'minAvailable'):
        yield from portion(key, value, at)


def portion(key, value, at):
    """A number of pods, or a percentage of them."""
    if isinstance(value, str) and not re.fullmatch(r'[0-9]+%', value):
        yield at, '%r is neither a number nor a percentage' % value
    elif isinstance(value, str) and key != 'maxSurge' and int(value[:-1]) > 100:
        yield at, '%r is more than 100%%' % value
    elif isinstance(value, int) and value < 0:
        yield at, '%d is negative' % value


def selector(node, at):
    """A label selector, or the terms of a node affinity."""
    for key, value in (node.get('matchLabels') or {}).items():
        yield from said((at + '.matchLabels', bad_key(key) or bad_value(value or '')))
    for term, here in entries(node, 'matchExpressions', at):
        if 'key' not in term:
            continue  # the scopes of a ResourceQuota
        operator, values = term.get('operator'), term.get('values') or []
        if operator not in ('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'):
            yield here + '.operator', '%r is not an operator' % operator
        elif operator in ('In', 'NotIn') and not values or operator in ('Exists', 'DoesNotExist') and values:
            yield here + '.values', 'do not go with operator %s' % operator
        yield from said((here + '.key', bad_key(term.get('key') or '')))
        yield from said(*((here + '.values', bad_value(v or '')) for v in values))


def without_nulls(node):
    """In built-in kinds null means that the field is not there; in a list, that the entry is empty."""
    if isinstance(node, dict):
        return {key: without_nulls(value) for key, value in node.items() if value is not None}
    return [{} if e is None else without_nulls(e) for e in node] if isinstance(node, list) else node


def problems(thing, builtin):
    """(field, message) for each rule that an object breaks, which fits its schema."""
    yield from metadata(thing, builtin)
    if not builtin or thing['kind'] == 'CustomResourceDefinition':
        return
    thing = without_nulls(thing)
    if not thing.get('spec') and (thing['kind'] in TEMPLATES or thing['kind'] == 'HorizontalPodAutoscaler'):
        yield 'spec', 'required value'
        return
    yield from fields(thing)
    for rule in RULES.get(thing['kind'], []):
        yield from rule(thing)
    if thing['kind'] in TEMPLATES:
        template = thing
        for step in TEMPLATES[thing['kind']]:
            template = template.get(step) or {}
        yield from pod(template, thing)
