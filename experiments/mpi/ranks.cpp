// One thread makes all calls of MPI. It sends a heartbeat every second, so a rank whose other
// threads compute or wait for a disk does not count as lost.
#include "experiments/mpi/ranks.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "autodiff/kernels/cpu.h"
#include "autodiff/threads/threads.h"
#include "experiments/files/process.h"
#include "experiments/files/words.h"

namespace twice::experiments {

namespace {

using std::chrono::milliseconds;

constexpr auto heartbeat_interval = std::chrono::seconds(1);
/// The pauses of the thread, with and without messages on their way.
constexpr milliseconds short_pause(1), long_pause(10);
/// The time for the last messages and for the end of MPI.
constexpr auto farewell = std::chrono::seconds(10);

/// The variables of a launcher: of Open MPI, of MPICH and its relatives, and of srun.
struct Variables {
  const char *rank, *size, *place;
};
constexpr Variables launchers[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"},
    // sbatch sets SLURM_NTASKS and SLURM_PROCID for its script too, which runs once.
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"}};

int whole(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

/// The cores that this process may use, as a text that is equal for equal sets.
std::string own_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::string text;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set)) text += fmt::format("{} ", core);
  return text;
}

/// The kinds of kernels that this rank may use: the one that TWICE_CPU names, or all that run here.
std::vector<std::string> own_kernels() {
  const char* const given = std::getenv("TWICE_CPU");
  std::vector<std::string> kinds;
  for (const Cpu kind : usable_cpus())
    if (!given || !*given || str(kind) == given) kinds.emplace_back(str(kind));
  return kinds;
}

/// The head on a line, then the body.
std::string packed(const Json& head, std::string_view body = "") {
  return head.dump().append("\n").append(body);
}

Message unpacked(int from, std::string bytes) {
  const std::size_t end = bytes.find('\n');
  Json head = Json::parse(std::string_view(bytes).substr(0, end));
  return {from, std::move(head), std::move(bytes.erase(0, end + 1))};
}

/// Loads the module beside the program. Throws if it is missing.
StartMessagePassing* load(const Launch& launched) {
  std::error_code unknown;
  const std::filesystem::path file =
      std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path() / "twice-mpi.so";
  // Open MPI loads parts of its own, which need the names of its main library.
  void* module = ::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!module) {
    const char* reason = ::dlerror();
    if (launched.place_on_node > 0) throw EndedElsewhere{};
    fail("mpi",
         "{}: {} processes were started ({}), but the part for MPI cannot be loaded: {}; "
         "`.ci/install mpi` and a new build make it, and sweep --shard needs no MPI",
         host_name(), launched.size, launched.variable,
         std::filesystem::exists(file) ? reason : file.string() + " is missing");
  }
  void* function = ::dlsym(module, "twice_mpi_start");
  if (!function) fail("mpi", "{} is not the part of twice for MPI", file.string());
  return reinterpret_cast<StartMessagePassing*>(function);
}

/// The limit of silence in seconds.
double longest_silence(const Launch& launched) {
  constexpr double usual = 30, least = 2;
  const char* const given = std::getenv("TWICE_MPI_SILENCE");
  if (!given) return usual;
  const std::optional<double> seconds = parsed<double>(given);
  if (seconds && *seconds >= least) return *seconds;
  if (launched.rank > 0) throw EndedElsewhere{};
  fail("mpi", "TWICE_MPI_SILENCE is '{}'; expected seconds, at least {}", given, least);
}

/// Ends the process without the end of MPI, which would wait for ranks that no longer answer.
void leave_without_mpi() {
  ::on_exit(
      [](int status, void*) {
        std::fflush(nullptr);
        ::_exit(status);
      },
      nullptr);
}

}  // namespace

Launch launch() {
  for (const Variables& names : launchers)
    if (const int size = whole(names.size, 1); size > 1 && std::getenv(names.rank))
      return {whole(names.rank, 0), size, whole(names.place, 0), names.size};
  return {};
}

void forget_launch() {
  for (const Variables& names : launchers)
    for (const char* name : {names.rank, names.size, names.place}) ::unsetenv(name);
}

std::unique_ptr<Ranks> Ranks::join(const std::string& command, Stop stop) {
  const Launch launched = launch();
  if (launched.size <= 1) return nullptr;
  std::unique_ptr<Ranks> ranks(new Ranks);
  ranks->silence_ = longest_silence(launched);
  StartMessagePassing* const start = load(launched);
  std::promise<std::string> started;
  std::promise<void> ended;
  std::future<std::string> start_error = started.get_future();
  ranks->ended_ = ended.get_future();
  ranks->thread_ = std::thread(
      [&ranks = *ranks, start, started = std::move(started), ended = std::move(ended)]() mutable {
        ranks.exchange(start, started);
        ended.set_value();
      });
  while (start_error.wait_for(milliseconds(100)) != std::future_status::ready)
    if (stop()) ::_exit(130);  // the thread waits for ranks that may never come
  const std::string error = start_error.get();
  forget_launch();  // after the start of MPI, which reads them
  if (!error.empty() && launched.place_on_node > 0) throw EndedElsewhere{};
  if (!error.empty()) fail("mpi", "twice-mpi.so {}", error);
  if (ranks->size_ != launched.size) {
    if (launched.rank > 0) throw EndedElsewhere{};
    fail("mpi",
         "{} = {}, but MPI sees {} process{}: the launcher and the MPI of twice-mpi.so do not fit "
         "together; with srun, try --mpi=pmix",
         launched.variable, launched.size, ranks->size_, ranks->size_ == 1 ? "" : "es");
  }
  ranks->meet(command, stop);
  return ranks;
}

/// Each rank reports its node, cores and kernels to rank 0, which divides the cores of each node.
void Ranks::meet(const std::string& command, Stop stop) {
  Json greeting = {{"kind", "hello"},
                   {"host", host_name()},
                   {"set", own_cores()},
                   {"processors", processors()},
                   {"threads", allowed_threads()},
                   {"kernels", own_kernels()},
                   {"command", command}};
  if (!leads()) {
    send(0, greeting);
    const std::map<int, Json> answers = gather("welcome", stop);
    if (stop()) throw EndedElsewhere{};
    if (answers.empty()) fail("mpi", "{}", describe_loss(0));
    const Json& welcome = answers.at(0);
    members_[index(rank_)].host = host_name();
    members_[index(rank_)].cores = welcome.at("cores");
    set_cpu(welcome.at("kernels").string());
    return;
  }
  std::map<int, Json> greetings = gather("hello", stop);
  if (stop()) throw EndedElsewhere{};
  greetings[0] = greeting;
  share_cores(greetings);
  agree_on_kernels(greetings);
  for (const auto& [rank, head] : greetings)
    if (const std::string other = head.at("command"); other != command)
      fail("mpi",
           "{} was started with other options: {}; expected the same command for all ranks (sweep "
           "--shard divides a sweep without MPI)",
           name(rank), other);
  for (int rank = 1; rank < size_; ++rank)
    send(rank, {{"kind", "welcome"}, {"cores", cores(rank)}, {"kernels", kernels_.back()}});
}

/// All ranks use the widest kernels that each of them can run, so that their numbers agree.
void Ranks::agree_on_kernels(const std::map<int, Json>& greetings) {
  std::set<std::string> widest;
  for (const auto& [rank, head] : greetings) {
    const std::vector<std::string> usable = head.at("kernels");
    if (usable.empty())
      fail("mpi", "{} cannot run the kernels that --cpu or TWICE_CPU names", name(rank));
    widest.insert(usable.back());
    if (rank == 0)
      kernels_ = usable;
    else
      std::erase_if(kernels_, [&](const std::string& kind) { return !holds(usable, kind); });
    if (kernels_.empty())
      fail("mpi",
           "{} runs the kernels {}, which the ranks before it do not; expected --cpu with a kind "
           "for all",
           name(rank), fmt::join(usable, ", "));
  }
  kernels_differ_ = widest.size() > 1;
  set_cpu(kernels_.back());
}

/// Ranks of a node with the same cores share them. Ranks that are bound to cores of their own have
/// these.
void Ranks::share_cores(const std::map<int, Json>& greetings) {
  for (const auto& [rank, own] : greetings) {
    int sharing = 0;
    for (const auto& [unused, other] : greetings)
      sharing += own.at("host") == other.at("host") && own.at("set") == other.at("set");
    Member& member = members_[index(rank)];
    member.host = own.at("host").string();
    member.cores = std::max(
        std::min(own.at("threads").get<int>(), own.at("processors").get<int>() / sharing), 1);
  }
}

Ranks::~Ranks() {
  if (leads()) send_to_others({{"kind", "end"}, {"incomplete", incomplete()}});
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  if (!thread_.joinable()) return;
  if (ended_.wait_for(2 * farewell) == std::future_status::ready) {
    thread_.join();
    return;
  }
  // The thread waits in the end of MPI for a rank that is gone. It uses nothing of this object.
  thread_.detach();
  [[maybe_unused]] MessagePassing* const stays = module_.release();
  leave_without_mpi();
}

std::string Ranks::name(int rank) const {
  return fmt::format("rank {}{}", rank, host(rank).empty() ? "" : " on " + host(rank));
}

std::string Ranks::describe_loss(int rank) const {
  return fmt::format("{} has been silent for {:g} s or cannot be reached", name(rank), silence_);
}

int Ranks::nodes() const {
  std::set<std::string> hosts;
  for (const Member& member : members_)
    if (!member.host.empty()) hosts.insert(member.host);
  return static_cast<int>(hosts.size());
}

void Ranks::send(int to, const Json& head, std::string_view body) {
  std::string bytes = packed(head, body);
  const std::lock_guard lock(mutex_);
  outbox_.emplace_back(to, std::move(bytes));
  sending_ = true;
  changed_.notify_all();
}

void Ranks::send_to_others(const Json& head) {
  for (int rank = 0; rank < size_; ++rank)
    if (rank != rank_ && !lost(rank)) send(rank, head);
}

std::optional<Message> Ranks::receive(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, wait, [&] { return !inbox_.empty(); })) return std::nullopt;
  Message message = std::move(inbox_.front());
  inbox_.pop_front();
  return message;
}

std::map<int, Json> Ranks::gather(const std::string& kind, Stop stop) {
  std::map<int, Json> heads;
  const auto some_missing = [&] {
    for (int rank = 0; rank < size_; ++rank)
      if (talks_to(rank) && !heads.contains(rank) && !lost(rank)) return true;
    return false;
  };
  while (some_missing() && !stop()) {
    const std::optional<Message> message = receive(long_pause);
    if (!message) continue;
    const std::string found = message->head.at("kind");
    if (found == "end") throw EndedElsewhere{};
    if (found == kind) heads[message->from] = message->head;
  }
  return heads;
}

bool Ranks::incomplete() {
  const std::lock_guard lock(mutex_);
  return incomplete_ ||
         std::ranges::any_of(members_, [](const Member& member) { return member.lost; });
}

bool Ranks::sending() {
  const std::lock_guard lock(mutex_);
  return sending_;
}

bool Ranks::lost(int rank) {
  const std::lock_guard lock(mutex_);
  return members_[index(rank)].lost;
}

/// The work of the thread that calls MPI. Sets `started` to the error of the start, or to "".
void Ranks::exchange(StartMessagePassing* start, std::promise<std::string>& started) {
  std::string error;
  module_.reset(start(module_version, error));
  if (module_) {
    rank_ = module_->rank();
    size_ = module_->size();
    members_.assign(index(size_), {.heard = Clock::now()});
  }
  started.set_value(error);
  if (!module_) return;
  const Json heartbeat = {{"kind", "heartbeat"}};
  Clock::time_point closed{};
  for (;;) {
    std::deque<std::pair<int, std::string>> outgoing;
    {
      const std::lock_guard lock(mutex_);
      outgoing.swap(outbox_);
      if (closing_ && closed == Clock::time_point()) closed = Clock::now();
    }
    const Clock::time_point now = Clock::now();
    if (now - last_heartbeat_ >= heartbeat_interval) {
      last_heartbeat_ = now;
      for (int rank = 0; rank < size_; ++rank)
        if (talks_to(rank)) outgoing.emplace_back(rank, packed(heartbeat));
    }
    for (auto& [to, bytes] : outgoing) module_->send(to, std::move(bytes));
    while (auto received = module_->receive())
      take(unpacked(received->first, std::move(received->second)));
    std::unique_lock lock(mutex_);
    look_for_lost(now);
    bool busy = false;
    for (int rank = 0; rank < size_; ++rank)
      busy = busy || (!members_[index(rank)].lost && module_->busy(rank));
    sending_ = busy || !outbox_.empty();
    if (closing_ && outbox_.empty() && (!busy || now - closed >= farewell)) break;
    changed_.wait_for(lock, busy ? short_pause : long_pause,
                      [&] { return !outbox_.empty() || (closing_ && !busy); });
  }
  if (incomplete())
    leave_without_mpi();
  else
    module_->finish();  // may outlast this object
}

/// Puts a message into the inbox.
void Ranks::take(Message message) {
  if (message.head.at("kind") == Json("heartbeat")) return;
  const std::lock_guard lock(mutex_);
  if (members_[index(message.from)].lost) return;
  if (message.head.at("kind") == Json("end")) incomplete_ = message.head.at("incomplete");
  inbox_.push_back(std::move(message));
  arrived_.notify_all();
}

void Ranks::look_for_lost(Clock::time_point now) {
  const std::chrono::duration<double> limit(silence_);
  // A process that was suspended received no messages meanwhile.
  const bool suspended = now - looked_ > 2 * heartbeat_interval;
  looked_ = now;
  for (int rank = 0; rank < size_; ++rank) {
    Member& member = members_[index(rank)];
    const bool heard = module_->heard(rank);
    if (heard || suspended) member.heard = now;
    if (!talks_to(rank)) continue;
    if (member.lost && heard && leads())
      outbox_.emplace_back(rank, packed({{"kind", "end"}, {"incomplete", true}}));
    if (now - member.heard > limit || module_->failed(rank)) member.lost = true;
  }
}

}  // namespace twice::experiments
