#pragma once

#include <string>

#include "tensorflow/c/tf_status.h"

namespace tfjs_lrm {

struct Status {
  TF_Status *status = TF_NewStatus();
  ~Status() { TF_DeleteStatus(status); }
  bool ok() const { return TF_GetCode(status) == TF_OK; }
  std::string message() const { return TF_Message(status); }
};

}  // namespace tfjs_lrm
