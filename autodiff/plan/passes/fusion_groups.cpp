#include "autodiff/plan/passes/fusion_groups.h"

#include <algorithm>
#include <numeric>

#include "autodiff/ops/algebra.h"

namespace twice {

namespace {

/// The maximum size of a group. Limits the depth of recursion, the planning time and the buffers.
constexpr std::size_t most_members = 32;
/// Limits of rule 3: how many members may be repeated, and how many groups may repeat them.
constexpr std::size_t most_repeated = 6, most_readers = 16;
/// A value with more readers counts as alive until the end: visiting them each time would be slow.
constexpr std::size_t many_readers = 256;

}  // namespace

FusionGroups::FusionGroups(const Graph& graph)
    : graph_(graph),
      elementwise_(graph.nodes.size()),
      users_(graph.nodes.size()),
      output_(graph.nodes.size(), 0),
      external_(graph.nodes.size(), 0),
      forced_(graph.nodes.size(), 0) {
  int others = 0;
  for (int i = 0; i < static_cast<int>(graph.nodes.size()); ++i) {
    const GraphNode& n = node(i);
    others_before_.push_back(others);
    source_.push_back(i);
    if (!n.op) continue;
    if (n.op->is_view()) {
      source_.back() = at(source_, n.inputs[0]);
      continue;
    }
    if (n.spec.shape.elements() > 0)
      at(elementwise_, i) = std::dynamic_pointer_cast<const ElementwiseOp>(n.op);
    if (!at(elementwise_, i) && !is_broadcast(*n.op)) ++others;
    for (int input : n.inputs) {
      const int read = at(source_, input);
      if (at(users_, read).empty() || at(users_, read).back() != i) at(users_, read).push_back(i);
      if (!at(elementwise_, i)) at(external_, read) = 1;
    }
  }
  for (int output : graph.outputs)
    at(output_, at(source_, output)) = at(external_, at(source_, output)) = 1;
  decide();
}

void FusionGroups::always_store(int i) {
  at(forced_, i) = 1;
  decide();
}

FusionGroups::Read FusionGroups::read_of(int user, int input) const {
  const int value = at(source_, input);
  const GraphNode& n = node(value);
  if (n.op && is_broadcast(*n.op))
    if (const auto reading = reading_of(node(n.inputs[0]).spec.shape, n.spec.shape))
      return {at(source_, n.inputs[0]), *reading};
  return {value, {1, node(user).spec.shape.elements()}};
}

/// The groups that read a value.
std::vector<int> FusionGroups::roots_of(int value) const {
  std::vector<int> roots, seen = at(users_, value);
  for (std::size_t next = 0; next < seen.size(); ++next) {
    const int user = seen[next];
    if (!inlined(user)) {
      roots.push_back(user);
      continue;
    }
    for (int further : at(users_, user))
      if (std::find(seen.begin(), seen.end(), further) == seen.end()) seen.push_back(further);
  }
  return roots;
}

/// Rule 2: true if computing `members` only at `until` keeps more bytes alive than the value of the
/// last member, which would be stored otherwise.
bool FusionGroups::keeps_more_alive(const std::vector<int>& members,
                                    const std::vector<Read>& inputs, int until) const {
  if (at(others_before_, until) == at(others_before_, members.back())) return false;
  double kept = 0;
  for (const Read& input : inputs) {
    // Leaves are not in the arena, and outputs live to the end.
    const std::vector<int>& users = at(users_, input.value);
    if (!node(input.value).op || at(output_, input.value) || users.size() > many_readers) continue;
    int last = 0;
    for (int user : users)
      if (std::find(members.begin(), members.end(), user) == members.end())
        last = std::max(last, at(place_, at(end_, user)));
    if (last < until) kept += bytes(input.value);
  }
  return kept > bytes(members.back());
}

void FusionGroups::decide() {
  const int count = static_cast<int>(graph_.nodes.size());
  stored_.assign(graph_.nodes.size(), 1);
  size_.assign(graph_.nodes.size(), 1);
  end_.resize(graph_.nodes.size());
  std::iota(end_.begin(), end_.end(), 0);
  place_ = end_;
  // Readers are decided before the values that they read, and rule 3 runs after rules 1 and 2.
  for (int i = count - 1; i >= 0; --i) inline_for_one(i);
  for (int i = 0; i < count; ++i) inline_for_several(i);
}

/// Rules 1 and 2.
void FusionGroups::inline_for_one(int i) {
  if (!at(elementwise_, i) || at(external_, i) || at(forced_, i) || at(users_, i).empty()) return;
  // As long as each value is inlined in at most one group, `end_` is that group.
  const int root = at(end_, at(users_, i)[0]);
  for (int user : at(users_, i))
    if (at(end_, user) != root) return;
  if (at(size_, root) == most_members) return;
  std::vector<Read> reads;
  for (int input : node(i).inputs) reads.push_back(read_of(i, input));
  if (keeps_more_alive({i}, reads, at(place_, root))) {
    // The value of the group is as large as this one, which it replaces in memory.
    if (!ready(root, i)) return;
    at(place_, root) = i;
  }
  at(stored_, i) = 0;
  at(end_, i) = root;
  ++at(size_, root);
}

/// True if everything that a group reads, except the value of i, exists where i is recorded.
bool FusionGroups::ready(int root, int i) const {
  const Group group = group_of(root);
  return std::all_of(group.inputs.begin(), group.inputs.end(), [&](const Read& input) {
    return input.value == i || at(place_, input.value) < i;
  });
}

/// Rule 3.
void FusionGroups::inline_for_several(int i) {
  if (!at(elementwise_, i) || !at(stored_, i) || at(external_, i) || at(forced_, i)) return;
  if (at(size_, i) > most_repeated || at(users_, i).size() > most_readers) return;
  if (!op(i)->is_cheap()) return;
  const std::vector<int> roots = roots_of(i);
  if (roots.size() < 2) return;
  const Group repeated = group_of(i);
  for (int member : repeated.members)
    if (!op(member)->is_cheap()) return;
  const int last = *std::max_element(roots.begin(), roots.end(),
                                     [&](int a, int b) { return at(place_, a) < at(place_, b); });
  if (keeps_more_alive(repeated.members, repeated.inputs, at(place_, last))) return;
  double saved = bytes(i) * static_cast<double>(1 + roots.size());
  for (const Read& input : repeated.inputs) saved += bytes(input.value);
  for (int root : roots) {
    const Group group = group_of(root);
    if (group.members.size() + repeated.members.size() > most_members) return;
    for (const Read& input : repeated.inputs)
      if (std::none_of(group.inputs.begin(), group.inputs.end(),
                       [&](const Read& known) { return known.value == input.value; }))
        saved -= bytes(input.value);
  }
  if (saved <= 0) return;
  at(stored_, i) = 0;
  for (int member : repeated.members) at(end_, member) = last;
  for (int root : roots) at(size_, root) += repeated.members.size();
}

void FusionGroups::collect(int i, Group& group) const {
  for (int input : node(i).inputs) {
    const Read read = read_of(i, input);
    if (inlined(read.value)) {
      if (std::find(group.members.begin(), group.members.end(), read.value) == group.members.end())
        collect(read.value, group);
      continue;
    }
    group.through_broadcast |= read.value != at(source_, input);
    if (std::find(group.inputs.begin(), group.inputs.end(), read) == group.inputs.end())
      group.inputs.push_back(read);
  }
  group.members.push_back(i);
}

FusionGroups::Group FusionGroups::group_of(int root) const {
  Group group;
  collect(root, group);
  return group;
}

}  // namespace twice
