// Finds the call that makes the first NaN or inf, forward or in a reverse sweep.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>

#include "core/scope.h"

namespace adcore {

/// While one is open in a thread every call is checked, and sweeps run op by op.
class Watch {
 public:
  Watch();
  /// In the thread that opened it.
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  bool is_innermost() const noexcept { return opened_.is_innermost(); }
  /// Throws a FloatingPointError where an output holds a NaN, or an inf that no operand held.
  void check(const Call& call) const;
  /// Keeps the line that made a recorded value.
  void remember(TapeRef ref);

  /// While a statement's reverse rule runs.
  class InRule {
   public:
    InRule(Watch& watch, const Op& op, TapeRef out) noexcept
        : watch_(watch), op_(std::exchange(watch.rule_, &op)), out_(std::exchange(watch.rule_output_, out)) {}
    ~InRule() {
      watch_.rule_ = op_;
      watch_.rule_output_ = out_;
    }
    InRule(const InRule&) = delete;
    InRule& operator=(const InRule&) = delete;

   private:
    Watch& watch_;
    const Op* op_;
    TapeRef out_;
  };

 private:
  struct Hash {
    size_t operator()(const TapeRef& r) const noexcept {
      return std::hash<uint64_t>()(r.tape * 0x9e3779b97f4a7c15u + r.slot);
    }
  };
  struct Equal {
    bool operator()(const TapeRef& a, const TapeRef& b) const noexcept { return a.tape == b.tape && a.slot == b.slot; }
  };

  Opened opened_;
  std::unordered_map<TapeRef, std::string, Hash, Equal> places_;
  const Op* rule_ = nullptr;  // the op whose rule runs
  TapeRef rule_output_;
};

}  // namespace adcore
