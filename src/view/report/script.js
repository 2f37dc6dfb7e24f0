'use strict';
(() => {
  const $ = id => document.getElementById(id);
  const all = (selector, below = document) => [...below.querySelectorAll(selector)];
  const blocks = new Map();
  // Blocks are read when they are needed: the page of a large platform holds megabytes of them.
  const block = id => {
    if (!blocks.has(id)) blocks.set(id, JSON.parse($(id).textContent));
    return blocks.get(id);
  };
  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== false) node.setAttribute(name, value);
    }
    node.append(...children.flat().filter(child => child !== undefined && child !== ''));
    return node;
  };
  const { environments, rows } = block('index');
  const root = document.documentElement, main = $('content'), title = document.title;
  const views = all('.view').filter(view => ['services', 'findings', 'waves', 'service'].includes(view.id));
  const link = (...parts) => '#s/' + parts.map(encodeURIComponent).join('/');

  // --- the lists, and what is filtered out of them
  const LEVELS = { error: 3, warning: 2, info: 1 };
  const services = all('#matrix tr[data-row]').map(node => ({
    node, text: node.textContent.toLowerCase(), differs: 'differs' in node.dataset,
    levels: environments.map((_, at) => Math.max(0, ...all(`.e${at} b`, node).map(b => LEVELS[b.className] || 0))),
  }));
  const findings = all('.findings > li').map(node => ({
    node, text: node.textContent.toLowerCase(), level: LEVELS[node.className] || 0,
    environments: node.dataset.e ? node.dataset.e.split(' ').map(Number) : [],
  }));
  const form = document.querySelector('form'), q = $('q'), severity = $('sev'), differs = $('differs'), count = $('count');
  const boxes = all('#envs input'), box = at => boxes.find(one => Number(one.value) === at);
  form.hidden = false;
  $('differs-label').hidden = !services.some(one => one.differs);
  const show = (one, fits) => { if (one.node.hidden === fits) one.node.hidden = !fits; return fits; };

  function filter() {
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const level = LEVELS[severity.value] || 0;
    const on = environments.map((_, at) => !box(at) || box(at).checked);
    on.forEach((is, at) => main.classList.toggle('h' + at, !is));
    $('matrix').style.setProperty('--n', on.filter((is, at) => is && box(at)).length || 1);
    const has = one => words.every(word => one.text.includes(word));
    let shown = 0, found = 0;
    for (const one of services) {
      const isLevel = level === 0 || one.levels.some((own, at) => on[at] && own >= level);
      if (show(one, isLevel && has(one) && (!differs.checked || one.differs))) shown += 1;
    }
    for (const one of findings) {
      const isOn = one.environments.length === 0 || one.environments.some(at => on[at]);
      if (show(one, isOn && one.level >= level && has(one))) found += 1;
    }
    for (const head of all('#matrix .group')) head.hidden = !head.parentNode.querySelector('[data-row]:not([hidden])');
    for (const list of all('#findings .findings')) {
      const head = list.previousElementSibling;
      if (head.tagName === 'H3') head.hidden = !list.querySelector('li:not([hidden])');
    }
    document.querySelector('#services .empty').hidden = shown > 0 || services.length === 0;
    document.querySelector('#findings .empty').hidden = found > 0 || findings.length === 0;
    const isFindings = $('findings').classList.contains('on');
    count.value = isFindings ? `${found} of ${findings.length}` : `${shown} of ${services.length}`;
  }

  function remember() {
    const state = new URLSearchParams();
    if (q.value) state.set('q', q.value);
    if (severity.value) state.set('severity', severity.value);
    if (differs.checked) state.set('differs', '1');
    const off = boxes.filter(box => !box.checked).map(box => environments[box.value]);
    if (off.length) state.set('without', off.join(','));
    const view = ($('findings').classList.contains('on') && 'findings') || ($('waves').classList.contains('on') && 'waves') || 'services';
    const text = state.toString();
    if ($('service').classList.contains('on')) turn('services');
    history.replaceState(null, '', '#' + view + (text ? '?' + text : ''));
    all('nav[aria-label=Views] a').forEach(a => { a.hash = a.hash.split('?')[0] + (text ? '?' + text : ''); });
  }

  function recall(text) {
    const state = new URLSearchParams(text);
    q.value = state.get('q') || '';
    severity.value = state.get('severity') || '';
    differs.checked = state.has('differs');
    const off = (state.get('without') || '').split(',');
    boxes.forEach(box => { box.checked = !state.has('without') || !off.includes(environments[box.value]); });
  }

  // --- what is shown
  function turn(id) {
    views.forEach(view => view.classList.toggle('on', view.id === id));
    root.classList.toggle('in-service', id === 'service');
    all('nav[aria-label=Views] a').forEach(a => {
      const own = a.hash.slice(1).split('?')[0];
      if (own === id || (id === 'service' && own === 'services')) a.setAttribute('aria-current', 'page');
      else a.removeAttribute('aria-current');
    });
  }

  const places = {};
  let before = '';
  function route() {
    const [path, query] = location.hash.slice(1).split('?');
    places[before] = scrollY;
    before = path;
    document.title = title;
    if (path.startsWith('s/')) {
      const [name, environment, kind, object] = path.slice(2).split('/').map(part => { try { return decodeURIComponent(part); } catch { return part; } });
      const row = rows.findIndex(one => one[0] === name);
      if (row >= 0) return service(row, environment, kind, object);
    }
    const finding = /^f\d+$/.test(path) && $(path);
    const view = finding ? 'findings' : ['findings', 'waves'].includes(path) ? path : 'services';
    if (query !== undefined) recall(query);
    turn(view);
    filter();
    all('.findings .at').forEach(one => one.classList.remove('at'));
    if (finding) {
      finding.hidden = false;
      finding.classList.add('at');
      finding.scrollIntoView({ block: 'center' });
    } else scrollTo(0, places[path] || 0);
  }

  // --- a service
  let opened = '';
  function service(row, environment, kind, object) {
    const [name, domain, own] = rows[row], data = block('m' + row), view = $('service');
    const deployed = environments.map((_, at) => at).filter(at => data.c[at]);
    let at = environments.indexOf(environment);
    if (!data.c[at]) at = deployed[deployed.length - 1];
    view.hidden = false;
    const isNew = opened !== name;
    const head = el('h2', { tabindex: '-1' }, name, ' ', el('small', {}, domain));
    if (opened !== name + '/' + at || !view.firstChild) {
      view.replaceChildren(
        el('p', { class: 'crumb' }, el('a', { href: '#services' }, '← Services')), head,
        el('nav', { class: 'tabs', 'aria-label': 'Environments' }, deployed.map(one =>
          el('a', { href: link(name, environments[one]), 'aria-current': one === at && 'page' }, environments[one] || 'no environment'))),
        ...cell(data.c[at], own, at), manifests(name, data, at));
    }
    turn('service');
    filter();
    document.title = `${name} · ${title}`;
    select(name, data, at, kind, object);
    if (!opened.startsWith(name + '/')) { scrollTo(0, 0); head.focus({ preventScroll: true }); }
    opened = name + '/' + at;
  }

  const range = (request, limit) => (request || limit) && (request === limit ? request : `${request || '–'} / ${limit || '–'}`);
  const table = (titles, lines) => el('div', { class: 'scroll' }, el('table', { class: 'grid' },
    el('thead', {}, el('tr', {}, titles.map(one => el('th', { scope: 'col' }, one)))), el('tbody', {}, lines)));
  const td = (text, name) => el('td', { class: name }, text);

  function cell(one, own, at) {
    const parts = [el('dl', {},
      el('dt', {}, 'Built from'), el('dd', {}, el('code', {}, one.p.join(', '))),
      ...(one.a.length ? [el('dt', {}, 'Deployed by'), el('dd', {}, one.a.join(', '))] : []))];
    if (one.w.length) {
      const lines = one.w.flatMap(([kind, name, replicas, containers]) => containers.map((container, number) => {
        const [label, init, repository, version, cpu, cpuLimit, memory, memoryLimit] = container;
        return el('tr', {}, td(number ? '' : `${kind}/${name}`), td(number ? '' : replicas, 'r'), td(label + (init ? ' (init)' : '')),
          td(repository, 'dim'), td(version, 'v'), td(range(cpu, cpuLimit), 'c'), td(range(memory, memoryLimit), 'm'));
      }));
      parts.push(el('h3', {}, 'Workloads'), table(['Workload', 'Replicas', 'Container', 'Image', 'Version', 'CPU', 'Memory'], lines));
    }
    const found = own.map(number => $('f' + number)).filter(node => !node.dataset.e || node.dataset.e.split(' ').includes(String(at)));
    if (found.length) {
      parts.push(el('h3', {}, 'Findings'), el('ol', { class: 'findings' }, found.map(node => {
        const copy = node.cloneNode(true);
        copy.removeAttribute('id');
        copy.hidden = false;
        return copy;
      })));
    }
    if (one.h.length) {
      const lines = one.h.map(([since, version, how, by, commit, subject]) =>
        el('tr', {}, td(since, 'dim'), td(version, 'v'), td(how), td(by), td(el('code', {}, commit)), td(subject, 'wide')));
      parts.push(el('h3', {}, 'Releases ', el('small', {}, one.n)), table(['Since (UTC)', 'Version', 'How', 'By', 'Commit', 'Subject'], lines));
    }
    if (one.s.length) parts.push(el('h3', {}, 'Waves'), waves(one.s));
    return parts;
  }

  function waves(steps) {
    const phases = [];
    for (const step of steps) {
      if (!phases.length || phases[phases.length - 1][0] !== step[0]) phases.push([step[0], []]);
      phases[phases.length - 1][1].push(step);
    }
    return el('ol', { class: 'phases' }, phases.map(([phase, own]) => el('li', {}, el('h4', {}, phase), el('ol', { class: 'waves' },
      own.map(([, wave, tasks]) => el('li', {}, el('h5', {}, 'wave ' + wave),
        el('ul', {}, tasks.map(([kind, name, hook]) => el('li', {}, kind, ' ', el('small', {}, name, hook ? ' hook' : ''))))))))));
  }

  // --- manifests, and who set each line
  function manifests(name, data, at) {
    const list = el('nav', { class: 'objects', 'aria-label': 'Objects' }, data.c[at].b.map(([kind, object]) =>
      el('a', { href: link(name, environments[at], kind, object) }, kind, el('small', {}, object))));
    const lines = el('div', { class: 'lines', role: 'listbox', tabindex: '0' });
    const said = el('p', { class: 'origin', 'aria-live': 'polite' });
    lines.addEventListener('mouseover', event => say(event.target.closest('.l'), said));
    lines.addEventListener('click', event => mark(event.target.closest('.l'), said));
    lines.addEventListener('focus', () => mark(lines.querySelector('.at') || lines.firstChild, said));
    lines.addEventListener('keydown', event => {
      const here = lines.querySelector('.at') || lines.firstChild;
      const next = { ArrowDown: here.nextSibling, ArrowUp: here.previousSibling, Home: lines.firstChild, End: lines.lastChild }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      mark(next || here, said);
      (next || here).scrollIntoView({ block: 'nearest' });
    });
    return el('section', { 'aria-label': 'Manifests' }, el('h3', {}, 'Manifests ', el('small', {}, 'point at a line, or use the arrow keys, to see who set it')),
      el('div', { class: 'manifests' }, list, el('div', {}, said, lines)));
  }

  let current = null;
  function select(name, data, at, kind, object) {
    const objects = data.c[at].b;
    const wanted = (object || '').split(':');
    let chosen = objects.findIndex(one => one[0] === kind && one[1] === wanted[0]);
    const first = data.c[at].w[0];
    if (chosen < 0 && first) chosen = objects.findIndex(one => one[0] === first[0] && one[1] === first[1]);
    if (chosen < 0) chosen = 0;
    const view = $('service'), lines = view.querySelector('.lines'), said = view.querySelector('.origin');
    all('.objects a', view).forEach((a, number) => {
      if (number === chosen) a.setAttribute('aria-current', 'true'); else a.removeAttribute('aria-current');
    });
    const one = objects[chosen];
    if (!one) return lines.replaceChildren();
    current = { data, base: link(name, environments[at], one[0], one[1]) };
    const texts = block('lines');
    let origin = 0, shown = '';
    lines.setAttribute('aria-label', `${one[0]}/${one[1]}, line by line`);
    let text = 0;
    lines.replaceChildren(...one[2].map((step, number) => {
      text += step;
      origin += one[3][number];
      const [setter] = setters(origin), own = setter ? setter[0] + setter[2] : '';
      // The file is named once for the lines that come from it.
      const label = setter && (own === shown ? (setter[0] ? ':' + setter[1] : '') : short(setter));
      shown = own;
      return el('div', { class: 'l', role: 'option', id: 'l' + (number + 1), 'data-o': origin, 'aria-selected': 'false' },
        el('i', { 'aria-hidden': 'true' }, String(number + 1)), code(texts[text]), el('s', {}, label || ''));
    }));
    said.textContent = `${one[0]}/${one[1]}`;
    const line = lines.children[wanted[1] - 1];
    if (kind && line) { mark(line, said); line.scrollIntoView({ block: 'center' }); }
    else if (kind && lines.getBoundingClientRect().top < 0) view.querySelector('.manifests').scrollIntoView();
  }

  function code(text) {
    const parts = /^([ -]*)([^\s'"|>{[][^:]*:)(\s.*)?$/.exec(text);
    return parts ? el('code', {}, parts[1], el('u', {}, parts[2]), parts[3] || '') : el('code', {}, text);
  }

  // Who set what, from the differences that the block has.
  function chains(data) {
    if (!data.whole) {
      let file = 0, line = 0;
      data.whole = data.o.map(flat => {
        if (!flat.length) { file = line = 0; return flat; }
        file += flat[0];
        line += flat[1];
        return [file, line, ...flat.slice(2)];
      });
    }
    return data.whole;
  }

  function setters(origin) {
    const flat = chains(current.data)[origin] || [], chain = [];
    for (let at = 0; at < flat.length; at += 3) chain.push([block('files')[flat[at]], flat[at + 1], block('steps')[flat[at + 2]]]);
    return chain;
  }
  const short = ([file, line, step]) => file ? `${file.split('/').slice(-2).join('/')}:${line}${step ? ` · ${step}` : ''}` : step;
  const whole = ([file, line, step]) => el('span', {}, file ? el('code', {}, `${file}:${line}`) : '', step ? `${file ? ' by ' : ''}${step}` : '');

  function say(line, said) {
    if (!line) return;
    const chain = setters(Number(line.dataset.o));
    said.replaceChildren(...(chain.length ? chain.flatMap((one, at) => [at ? ', over ' : 'Set at ', whole(one)]) : ['Set by no file']));
  }

  function mark(line, said) {
    if (!line) return;
    all('.l.at').forEach(one => { one.classList.remove('at'); one.setAttribute('aria-selected', 'false'); });
    line.classList.add('at');
    line.setAttribute('aria-selected', 'true');
    line.parentNode.setAttribute('aria-activedescendant', line.id);
    say(line, said);
    history.replaceState(null, '', `${current.base}:${line.id.slice(1)}`);
  }

  // --- what people do
  // What sticks does so below the head of the page, however many lines that takes.
  const measure = () => { if (innerWidth > 960) root.style.setProperty('--top', document.querySelector('header').offsetHeight + 'px'); else root.style.removeProperty('--top'); };
  addEventListener('resize', measure);
  measure();
  form.addEventListener('submit', event => event.preventDefault());
  form.addEventListener('input', () => { remember(); filter(); });
  addEventListener('hashchange', route);
  addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/' && !/^(INPUT|SELECT)$/.test(event.target.tagName)) { event.preventDefault(); q.focus(); q.select(); }
    if (event.key === 'Escape' && event.target === q && q.value) { q.value = ''; remember(); filter(); }
  });
  history.scrollRestoration = 'manual';
  route();
})();
