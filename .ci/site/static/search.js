// Replaces the search of Sphinx, which finds pages and counts parts of words as much as words. `sections`
// (sections.js) holds [page, id, title of the page, title of the section, text] for each section.

const results_per_page = 3, most_results = 50, excerpt_length = 240;

/** How often a text has a word of the query, and a score: 1 for the whole word, less for a part of a word. Names
 *  such as gram_identity and GramIdentity consist of words. */
function match(text, word) {
  const spaced = text.replace(/([a-z])(?=[A-Z])/g, "$1_").toLowerCase();
  const found = (pattern) => [...spaced.matchAll(new RegExp(pattern, "g"))];
  const whole = found(`(?<![a-z0-9])(?:${word.whole})(?![a-z0-9])`);
  if (whole.length) return { score: 1, count: whole.length };
  const begun = found(`(?<![a-z0-9])${word.stem}`);
  if (begun.length) return { score: 0.4, count: begun.length };
  return { score: 0, count: 0 };
}

/** The score of a word in the text of a section. Repetitions add little. */
function text_score({ score, count }) {
  return score * (3 + 2 * Math.log2(1 + count));
}

/** The words of a query. H v, hvp and Hessian-vector product are one word. */
function words_of(query) {
  const stemmer = new Stemmer(), text = query.toLowerCase().replace(/\bh v\b|\bhessian.vector(.products?)?\b/g, "hvp");
  return (text.match(/[\p{L}\p{N}_]+/gu) || []).map((word) => {
    const stem = stemmer.stemWord(word);
    return { whole: word === "hvp" ? "hvp|h v|hessian-vector" : word, stem: word.startsWith(stem) ? stem : word, word };
  });
}

/** Lists contain all names, so they come after the pages on the names. */
const list = /^api\/(index|symbols)\.html|^CHANGELOG/;

/** The sections that contain all words of the query, the best first. */
function find(query) {
  const words = words_of(query), wanted = query.trim().toLowerCase(), pages = new Map(), found = [];
  if (!words.length) return [];
  for (const section of sections) {
    const [page, , page_title, title, text] = section;
    const scores = words.map((word) => {
      const share = Math.min(1, word.word.length / title.length);
      const in_title = match(title, word).score * (20 + 40 * share);
      const score = in_title + match(page_title, word).score * 4 + text_score(match(text, word));
      return score * (list.test(page) ? 0.2 : 1);
    });
    const entry = pages.get(page) || { scores: words.map(() => 0), best: null };
    entry.scores = entry.scores.map((score, i) => Math.max(score, scores[i]));
    const sum = scores.reduce((a, b) => a + b) + (title.toLowerCase() === wanted ? 100 : 0);
    if (!entry.best || sum > entry.best.score) entry.best = { section, score: sum };
    pages.set(page, entry);
    if (Math.min(...scores) > 0) found.push({ section, score: sum });
  }
  // A page may have the words in different sections.
  const complete = new Set(found.map(({ section }) => section[0]));
  for (const [page, { scores, best }] of pages)
    if (!complete.has(page) && Math.min(...scores) > 0) found.push({ section: best.section, score: best.score / 4 });
  const shown = {};
  return found.sort((a, b) => b.score - a.score).filter(({ section: [page] }) => {
    shown[page] = (shown[page] || 0) + 1;
    return shown[page] <= results_per_page;
  }).slice(0, most_results);
}

/** The part of the text around the first word of the query in it. */
function excerpt(text, words) {
  const places = words.map(({ whole, stem }) => text.toLowerCase().search(new RegExp(`\\b(?:${whole}|${stem})`)));
  const first = Math.min(...places.map((place) => Math.max(place, 0)));
  const from = first > excerpt_length / 3 ? text.indexOf(" ", first - excerpt_length / 3) + 1 : 0;
  const tail = from + excerpt_length < text.length ? " ..." : "";
  return (from ? "... " : "") + text.slice(from, from + excerpt_length).trim() + tail;
}

function show(query) {
  const results = find(query), words = words_of(query);
  if (SPHINX_HIGHLIGHT_ENABLED)
    localStorage.setItem("sphinx_highlight_terms", words.map(({ word }) => word).join(" "));
  for (const { section: [page, id, page_title, title, text] } of results) {
    const item = Search.output.appendChild(document.createElement("li"));
    const link = item.appendChild(document.createElement("a"));
    link.href = id ? `${page}#${id}` : page;
    link.textContent = title === page_title ? title : `${title} (${page_title})`;
    const context = item.appendChild(document.createElement("p"));
    context.className = "context";
    context.textContent = excerpt(text, words);
    if (SPHINX_HIGHLIGHT_ENABLED)
      for (const { word, stem } of words)
        _highlightText(item, item.textContent.toLowerCase().includes(word) ? word : stem, "highlighted");
  }
  Search.stopPulse();
  Search.title.textContent = "Search results";
  Search.status.textContent = results.length === 0 ? "No section has all these words."
    : results.length === most_results ? `The ${most_results} best sections`
    : results.length === 1 ? "1 section" : `${results.length} sections`;
}

// Before Sphinx begins its search, which also waits for this event but registers later.
document.addEventListener("DOMContentLoaded", () => {
  Search.performSearch = ((perform) => (query) => {
    document.getElementById("search-progress")?.replaceChildren();
    perform(query);
    document.getElementById("search-progress")?.replaceChildren();
  })(Search.performSearch);
  Search.query = show;
});
