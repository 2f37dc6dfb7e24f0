"""What an API server checks of the pods that workloads make."""
import re

from names import amount, entries, exactly_one, misnamed, repeated, said

TEMPLATES = {'Pod': (), 'PodTemplate': ('template',), 'CronJob': ('spec', 'jobTemplate', 'spec', 'template'),
             **dict.fromkeys(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'ReplicationController', 'Job'],
                             ('spec', 'template'))}
# An empty restartPolicy stands for Always, which a Job does not take; the kinds not named here take nothing else.
RESTARTS = {'Pod': ('', 'Always', 'OnFailure', 'Never'), 'PodTemplate': ('', 'Always', 'OnFailure', 'Never'),
            'Job': ('OnFailure', 'Never'), 'CronJob': ('OnFailure', 'Never')}
CONTAINERS = ('initContainers', 'containers')
PROBES = ('livenessProbe', 'readinessProbe', 'startupProbe')


def pod(template, thing):
    """The pod that an object makes."""
    spec, kind = template.get('spec') or {}, thing['kind']
    at = '.'.join((*TEMPLATES[kind], 'spec'))
    all_containers = [pair for key in CONTAINERS for pair in entries(spec, key, at)]
    volumes = {v['name'] for v, _ in entries(spec, 'volumes', at)}
    claims = thing.get('spec', {}).get('volumeClaimTemplates') or []  # a StatefulSet's
    volumes |= {(claim.get('metadata') or {}).get('name') for claim in claims}
    if not spec.get('containers'):
        yield at + '.containers', 'required value'
    restart, allowed = spec.get('restartPolicy', ''), RESTARTS.get(kind, ('', 'Always'))
    if restart not in allowed:
        yield at + '.restartPolicy', '%r is not one of %s' % (restart, ', '.join(filter(None, allowed)))
    for volume, here in entries(spec, 'volumes', at):
        yield from said((here + '.name', misnamed('DNS-1123 label', volume['name'])))
        if len(volume) > 2:
            yield here, 'a volume has one source, but there is %s' % ' and '.join(sorted(volume.keys() - {'name'}))
        for source, key in (('configMap', 'name'), ('secret', 'secretName')):
            if source in volume and not volume[source].get(key):
                yield '%s.%s.%s' % (here, source, key), 'required value'
    yield from repeated((c['name'], here + '.name') for c, here in all_containers)
    for one, here in all_containers:
        yield from container(one, here, volumes, '.initContainers[' in here and one.get('restartPolicy') != 'Always')
    for constraint, here in entries(spec, 'topologySpreadConstraints', at):
        if constraint['maxSkew'] < 1 or not constraint['topologyKey'] or not constraint['whenUnsatisfiable']:
            yield here, 'maxSkew is to be positive, topologyKey and whenUnsatisfiable not empty'
    for toleration, here in entries(spec, 'tolerations', at):
        if toleration.get('operator', '') not in ('', 'Equal', 'Exists'):
            yield here + '.operator', '%r is not an operator' % toleration['operator']
    if spec.get('dnsPolicy') == 'None' and not (spec.get('dnsConfig') or {}).get('nameservers'):
        yield at + '.dnsConfig', 'required value with dnsPolicy None'


def container(one, at, volumes, runs_once):
    """One container. `volumes` are those that it may mount; `runs_once`: it is an init container, not a sidecar."""
    yield from said((at + '.name', misnamed('DNS-1123 label', one['name'])))
    if not one.get('image', '').strip():
        yield at + '.image', 'required value'
    for port, here in entries(one, 'ports', at):
        yield from said((here + '.name', port.get('name') and misnamed('port name', port['name'])))
    yield from repeated((p['name'], here + '.name') for p, here in entries(one, 'ports', at) if p.get('name'))
    for variable, here in entries(one, 'env', at):
        yield from said((here + '.name', misnamed('environment variable name', variable['name'])))
        if 'valueFrom' in variable:
            yield from exactly_one(variable['valueFrom'], here + '.valueFrom', None, 'exactly one source is needed')
            if variable.get('value'):
                yield here + '.valueFrom', 'may not stand beside a value'
    for source, here in entries(one, 'envFrom', at):
        yield from exactly_one(source, here, {'configMapRef', 'secretRef'}, 'exactly one source is needed')
    for mount, here in entries(one, 'volumeMounts', at):
        if mount['name'] not in volumes:
            yield here + '.name', 'no volume is called %r' % mount['name']
        yield from said((here + '.mountPath', None if mount['mountPath'] else 'required value'),
                        (here + '.subPath', subpath(mount.get('subPath', ''))))
    yield from resources(one.get('resources') or {}, at + '.resources')
    for name in PROBES:
        if name in one:
            yield from probe(name, one[name], '%s.%s' % (at, name), runs_once)
    for name, handler in (one.get('lifecycle') or {}).items():
        if name in ('postStart', 'preStop'):
            yield from exactly_one(handler, '%s.lifecycle.%s' % (at, name), None, 'exactly one handler is needed')


def subpath(path):
    """Why a path inside a volume is refused, or None."""
    return 'must stay inside the volume' if path.startswith('/') or '..' in path.split('/') else None


def probe(name, one, at, runs_once):
    """A probe of a container."""
    yield from exactly_one(one, at, {'exec', 'httpGet', 'tcpSocket', 'grpc'}, 'exactly one handler is needed')
    if runs_once:
        yield at, 'an init container has no probes'
    if name != 'readinessProbe' and one.get('successThreshold', 0) > 1:
        yield at + '.successThreshold', 'is 1 for a %s' % name


def resources(node, at):
    """Requests and limits of a container."""
    limits = node.get('limits') or {}
    for sort in ('limits', 'requests'):
        for name, quantity in (node.get(sort) or {}).items():
            here = '%s.%s[%s]' % (at, sort, name)
            if not re.search(r'^(cpu|memory|ephemeral-storage|hugepages-.*)$|/', name):
                yield here, 'not a resource of containers'
            elif amount(quantity or 0) < 0:
                yield here, '%s is negative' % quantity
            elif sort == 'requests' and name in limits and amount(quantity or 0) > amount(limits[name] or 0):
                yield here, '%s is more than the limit of %s' % (quantity, limits[name])
