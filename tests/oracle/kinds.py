"""What an API server checks of single built-in kinds. An object may lack any field that its schema does not require."""
import re

from names import amount, bad_key, bad_value, entries, exactly_one, misnamed, repeated, said


def workload(thing):
    """Deployments and the like: the selector, and the ways to update."""
    spec, kind = thing.get('spec') or {}, thing['kind']
    wanted, has = spec.get('selector') or {}, ((spec.get('template') or {}).get('metadata') or {}).get('labels') or {}
    if not wanted.get('matchLabels') and not wanted.get('matchExpressions'):
        yield 'spec.selector', 'an empty selector'
    elif not matches(wanted, has):
        yield 'spec.template.metadata.labels', 'spec.selector does not match them'
    key = 'strategy' if kind == 'Deployment' else 'updateStrategy'
    strategy, other = spec.get(key) or {}, 'Recreate' if kind == 'Deployment' else 'OnDelete'
    rolling, sort = strategy.get('rollingUpdate'), strategy.get('type') or 'RollingUpdate'
    if sort not in ('RollingUpdate', other):
        yield 'spec.%s.type' % key, '%r is not one of RollingUpdate, %s' % (sort, other)
    elif sort == 'Recreate' and rolling is not None:
        yield 'spec.%s.rollingUpdate' % key, 'does not go with type %s' % sort
    elif rolling and {rolling.get('maxSurge', 1), rolling.get('maxUnavailable', 1)} <= {0, '0%'}:
        yield 'spec.%s.rollingUpdate.maxUnavailable' % key, 'may not be 0 when maxSurge is'


def matches(wanted, has):
    """Whether a label selector matches labels."""
    tests = {'In': lambda v, x: v in x, 'NotIn': lambda v, x: v not in x,
             'Exists': lambda v, x: v is not None, 'DoesNotExist': lambda v, x: v is None}
    return all(has.get(k) == v for k, v in (wanted.get('matchLabels') or {}).items()) and all(
        tests.get(e['operator'], lambda v, x: True)(has.get(e['key']), e.get('values') or [])
        for e in wanted.get('matchExpressions') or [])


def service(thing):
    """Services."""
    spec = thing.get('spec') or {}
    sort, ports = spec.get('type') or 'ClusterIP', entries(spec, 'ports', 'spec')
    if sort not in ('ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'):
        yield 'spec.type', '%r is not a type of Service' % sort
    if sort == 'ExternalName':
        yield from said(('spec.externalName', misnamed('DNS-1123 subdomain', spec.get('externalName', '').rstrip('.'))))
    elif not ports and spec.get('clusterIP') != 'None':
        yield 'spec.ports', 'required value'
    for port, here in ports:
        name = port.get('name', '')
        yield from said((here + '.name', (name or len(ports) > 1) and misnamed('DNS-1123 label', name)))
        if port.get('nodePort') and sort not in ('NodePort', 'LoadBalancer'):
            yield here + '.nodePort', 'does not go with type %s' % sort
    yield from repeated((p['name'], here + '.name') for p, here in ports if p.get('name'))
    for key, value in (spec.get('selector') or {}).items():
        yield from said(('spec.selector', bad_key(key) or bad_value(value or '')))


def disruption_budget(thing):
    """PodDisruptionBudgets."""
    spec = thing.get('spec') or {}
    if 'minAvailable' in spec and 'maxUnavailable' in spec:
        yield 'spec', 'minAvailable and maxUnavailable exclude each other'


def autoscaler(thing):
    """HorizontalPodAutoscalers; minReplicas 0 needs a feature that is off by default."""
    spec = thing.get('spec') or {}
    least, most = spec.get('minReplicas', 1), spec['maxReplicas']
    if least < 1:
        yield 'spec.minReplicas', '%d is less than 1' % least
    if most < max(least, 1):
        yield 'spec.maxReplicas', '%d is less than minReplicas %d' % (most, least)
    for metric, here in entries(spec, 'metrics', 'spec'):
        sort = metric['type'][:1].lower() + metric['type'][1:]
        if metric['type'] not in ('ContainerResource', 'External', 'Object', 'Pods', 'Resource'):
            yield here + '.type', '%r is not a type of metric' % metric['type']
        elif set(metric) != {'type', sort}:
            yield here, 'type %s needs the field %s and no other' % (metric['type'], sort)


def ingress(thing):
    """Ingresses."""
    spec = thing.get('spec') or {}
    if not spec.get('rules') and not spec.get('defaultBackend'):
        yield 'spec', 'either defaultBackend or rules is needed'
    for rule, at in entries(spec, 'rules', 'spec'):
        host = re.sub(r'^\*\.', '', rule.get('host') or '')
        yield from said((at + '.host', host and misnamed('DNS-1123 subdomain', host)))
        for path, here in entries(rule.get('http') or {}, 'paths', at + '.http'):
            if not path.get('pathType'):
                yield here + '.pathType', 'required value'
            elif path['pathType'] in ('Exact', 'Prefix') and not path.get('path', '').startswith('/'):
                yield here + '.path', 'must be an absolute path'
            yield from backend(path['backend'], here + '.backend')


def backend(node, at):
    """Where an Ingress sends a request."""
    yield from exactly_one(node, at, {'service', 'resource'}, 'exactly one backend is needed')
    if node.get('service'):
        yield from said((at + '.service.name', misnamed('DNS-1035 label', node['service']['name'])))
        port = node['service'].get('port') or {}
        yield from exactly_one(port, at + '.service.port', None, 'a name or a number is needed')


def network_policy(thing):
    """NetworkPolicies: every peer selects something."""
    spec = thing.get('spec') or {}
    for way, peers in (('ingress', 'from'), ('egress', 'to')):
        for rule, at in entries(spec, way, 'spec'):
            for peer, here in entries(rule, peers, at):
                if not peer or 'ipBlock' in peer and len(peer) > 1:
                    yield here, 'a peer is an ipBlock or selectors'
            for port, here in entries(rule, 'ports', at):
                if 'endPort' in port and not isinstance(port.get('port'), int):
                    yield here + '.endPort', 'needs a numeric port'


def data_keys(thing):
    """ConfigMaps and Secrets."""
    for key in ('data', 'binaryData', 'stringData'):
        for name in thing.get(key) or {}:
            yield from said(('%s[%s]' % (key, name), misnamed('configuration key', name)))
    for name in (thing.get('data') or {}).keys() & (thing.get('binaryData') or {}).keys():
        yield 'data[%s]' % name, 'is in binaryData as well'


def role(thing):
    """Roles and ClusterRoles."""
    for rule, at in entries(thing, 'rules', ''):
        if not rule.get('verbs'):
            yield at + '.verbs', 'required value'
        if not rule.get('nonResourceURLs'):
            for name in ('apiGroups', 'resources'):
                yield from said((at + '.' + name, None if rule.get(name) else 'required value'))


def binding(thing):
    """RoleBindings and ClusterRoleBindings."""
    kinds = ['ClusterRole'] + ['Role'] * (thing['kind'] == 'RoleBinding')
    if thing['roleRef']['kind'] not in kinds:
        yield 'roleRef.kind', '%r is not one of %s' % (thing['roleRef']['kind'], ', '.join(kinds))
    yield from said(('roleRef.name', misnamed('path segment', thing['roleRef']['name'])))


def claim(thing):
    """PersistentVolumeClaims."""
    spec = thing.get('spec') or {}
    if not spec.get('accessModes'):
        yield 'spec.accessModes', 'required value'
    storage = ((spec.get('resources') or {}).get('requests') or {}).get('storage')
    if storage is None or amount(storage) <= 0:
        yield 'spec.resources[storage]', 'required value, above zero'


def cron_schedule(thing):
    """CronJobs."""
    schedule = (thing.get('spec') or {}).get('schedule') or ''
    words = re.sub(r'^(CRON_)?TZ=\S+\s+', '', schedule).split()
    if re.fullmatch('@(yearly|annually|monthly|weekly|daily|midnight|hourly)', schedule):
        return
    months, days = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(), 'sun mon tue wed thu fri sat'.split()
    ranges = [(0, 59, []), (0, 23, []), (1, 31, []), (1, 12, months), (0, 6, days)]
    if len(words) != 5 or not all(cron_field(w, *r) for w, r in zip(words, ranges)):
        yield 'spec.schedule', '%r is not a cron schedule' % schedule


def cron_field(word, low, high, names):
    """Whether one field of a schedule is well-formed and in range."""
    for part in word.split(','):
        match = re.fullmatch(r'(?:[*?]|(\w+)(?:-(\w+))?)(?:/([1-9]\d*))?', part)
        if not match:
            return False
        ends = [e.lower() for e in match.group(1, 2) if e]
        ends = [names.index(e) + low if e in names else int(e) if e.isdecimal() else -1 for e in ends]
        if not all(low <= e <= high for e in ends) or ends != sorted(ends):
            return False
    return True


RULES = {'Deployment': [workload], 'StatefulSet': [workload], 'DaemonSet': [workload], 'ReplicaSet': [workload],
         'Service': [service], 'PodDisruptionBudget': [disruption_budget], 'HorizontalPodAutoscaler': [autoscaler],
         'Ingress': [ingress], 'NetworkPolicy': [network_policy], 'ConfigMap': [data_keys], 'Secret': [data_keys],
         'Role': [role], 'ClusterRole': [role], 'RoleBinding': [binding], 'ClusterRoleBinding': [binding],
         'PersistentVolumeClaim': [claim], 'CronJob': [cron_schedule]}
