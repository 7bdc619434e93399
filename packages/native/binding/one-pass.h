// Operations of TensorFlow for the loops of loops.h, on the CPU. What may be left out is a list of no or one tensor.
//
// A step that calls them runs one pass over memory for each, where TensorFlow's own operations take several. XLA has no
// such operations: a step that it compiles runs those of TensorFlow.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <numeric>
#include <string>
#include <vector>

#include "loops.h"
#include "parallel.h"
#include "status.h"
#include "tensorflow/c/c_api.h"
// Without it, kernels.h includes a header for devices of other vendors, which is not among those of the C functions.
#define IS_SLIM_BUILD
#include "tensorflow/c/kernels.h"
#undef IS_SLIM_BUILD
#include "tensorflow/c/ops.h"

namespace tfjs_lrm {
namespace one_pass {

// The sides of a tensor, without memory of their own: a step has thousands of them.
class Shape {
 public:
  static constexpr int kMost = 8;
  Shape() = default;
  Shape(std::initializer_list<int64_t> sides) : count_(sides.size()) { std::copy(sides.begin(), sides.end(), sides_); }
  explicit Shape(const TF_Tensor *tensor) : count_(TF_NumDims(tensor)) {
    for (int i = 0; i < count_; i++) sides_[i] = TF_Dim(tensor, i);
  }
  int size() const { return count_; }
  bool empty() const { return count_ == 0; }
  const int64_t *begin() const { return sides_; }
  const int64_t *end() const { return sides_ + count_; }
  int64_t back() const { return sides_[count_ - 1]; }
  int64_t operator[](int i) const { return sides_[i]; }
  bool operator==(const Shape &other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

 private:
  int64_t sides_[kMost];
  int count_ = 0;
};

inline int64_t SizeOf(const Shape &shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<int64_t>());
}

// The product of all sides but the last.
inline int64_t RowsOf(const Shape &shape) {
  return std::accumulate(shape.begin(), shape.end() - 1, int64_t{1}, std::multiplies<int64_t>());
}

// One run of a kernel: its inputs, and its outputs as they are made. After a failure all that follows does nothing.
class Call {
 public:
  explicit Call(TF_OpKernelContext *context) : context_(context), tensors_(TF_NumInputs(context)) {
    const int inputs = tensors_.size();
    tensors_.reserve(inputs + TF_NumOutputs(context));
    shapes_.resize(inputs);
    for (int i = 0; i < inputs && ok(); i++) {
      TF_GetInput(context, i, &tensors_[i], status_.status);
      if (ok()) Require(TF_NumDims(tensors_[i]) <= Shape::kMost, "inputs must have at most 8 sides");
      if (ok()) shapes_[i] = Shape(tensors_[i]);
    }
  }

  ~Call() {
    for (TF_Tensor *tensor : tensors_) {
      if (tensor != nullptr) TF_DeleteTensor(tensor);
    }
    if (!ok()) TF_OpKernelContext_Failure(context_, status_.status);
  }

  Call(const Call &) = delete;
  Call &operator=(const Call &) = delete;

  bool ok() const { return status_.ok(); }
  const Shape &shape(int i) const { return shapes_[i]; }
  const float *input(int i) const { return static_cast<const float *>(TF_TensorData(tensors_[i])); }

  // The memory of an output: that of an input of its shape where nothing else reads that one any more, else new memory.
  float *output_over(int input, int i) {
    if (!ok()) return nullptr;
    const Shape &shape = shapes_[input];
    // The one here would count as another reader.
    TF_DeleteTensor(tensors_[input]);
    tensors_[input] = nullptr;
    int forwarded = -1;
    TF_Tensor *tensor = TF_ForwardInputOrAllocateOutput(context_, &input, 1, i, shape.begin(), shape.size(), &forwarded,
                                                        status_.status);
    if (tensor == nullptr) return nullptr;
    tensors_.push_back(tensor);
    TF_GetInput(context_, input, &tensors_[input], status_.status);
    return static_cast<float *>(TF_TensorData(tensor));
  }

  // New memory of an output.
  float *output(int i, const Shape &shape) {
    if (!ok()) return nullptr;
    TF_Tensor *tensor = TF_AllocateOutput(context_, i, TF_FLOAT, shape.begin(), shape.size(),
                                          SizeOf(shape) * sizeof(float), status_.status);
    if (tensor == nullptr) return nullptr;
    // The context holds the same memory.
    tensors_.push_back(tensor);
    return static_cast<float *>(TF_TensorData(tensor));
  }

  void Require(bool condition, const char *what) {
    if (ok() && !condition) TF_SetStatus(status_.status, TF_INVALID_ARGUMENT, what);
  }

 private:
  TF_OpKernelContext *context_;
  Status status_;
  std::vector<TF_Tensor *> tensors_;
  std::vector<Shape> shapes_;
};

// The attributes of a kernel, read once.
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction *construction) : construction_(construction) {}
  Attributes(const Attributes &) = delete;
  Attributes &operator=(const Attributes &) = delete;
  ~Attributes() {
    if (!status_.ok()) TF_OpKernelConstruction_Failure(construction_, status_.status);
  }
  float Float(const char *name) {
    float value = 0;
    TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status_.status);
    return value;
  }
  int32_t Int(const char *name) {
    int32_t value = 0;
    TF_OpKernelConstruction_GetAttrInt32(construction_, name, &value, status_.status);
    return value;
  }
  bool Bool(const char *name) {
    TF_Bool value = 0;
    TF_OpKernelConstruction_GetAttrBool(construction_, name, &value, status_.status);
    return value;
  }

 private:
  TF_OpKernelConstruction *construction_;
  Status status_;
};

// --- Kernels -------------------------------------------------------------------------------------------

// Which of the factors of a scaled matrix are there, u and then v from input `first` on.
struct Factors {
  bool has_u = false, has_v = false;
  explicit Factors(Attributes &attributes) {
    has_u = attributes.Int("U") > 0;
    has_v = attributes.Int("V") > 0;
  }
  int v_after(int first) const { return first + has_u; }
  void Check(Call *call, const Shape &matrix, int first) const {
    call->Require(matrix.size() == 2, "w must be a matrix");
    if (!call->ok()) return;
    if (has_u) call->Require(call->shape(first) == Shape{matrix[0]}, "u must have an element for each row of w");
    if (has_v) {
      call->Require(call->shape(v_after(first)) == Shape{matrix[1]}, "v must have an element for each column of w");
    }
  }
};

struct ScaleKernel {
  Factors factors;
  explicit ScaleKernel(Attributes &attributes) : factors(attributes) {}
  void Compute(Call *call) const {
    const Shape &shape = call->shape(0);
    factors.Check(call, shape, 1);
    float *out = call->output(0, shape);
    if (!call->ok()) return;
    const float *w = call->input(0);
    const float *u = factors.has_u ? call->input(1) : nullptr;
    const float *v = factors.has_v ? call->input(factors.v_after(1)) : nullptr;
    const int64_t width = shape[1];
    InParts(shape[0], width, [=](int64_t from, int64_t to) {
      loops::Scale(w + from * width, u ? u + from : nullptr, v, out + from * width, to - from, width);
    });
  }
};

struct ScaleGradientKernel {
  Factors factors;
  explicit ScaleGradientKernel(Attributes &attributes) : factors(attributes) {}
  void Compute(Call *call) const {
    const Shape &shape = call->shape(1);
    factors.Check(call, shape, 2);
    call->Require(call->shape(0) == shape, "dy must have the shape of w");
    if (!call->ok()) return;
    float *dw = call->output_over(0, 0);
    float *du = factors.has_u ? call->output(1, {shape[0]}) : nullptr;
    float *dv = factors.has_v ? call->output(factors.v_after(1), {shape[1]}) : nullptr;
    if (!call->ok()) return;
    const float *dy = call->input(0), *w = call->input(1);
    const float *u = factors.has_u ? call->input(2) : nullptr;
    const float *v = factors.has_v ? call->input(factors.v_after(2)) : nullptr;
    const int64_t width = shape[1];
    SumInParts(shape[0], width, v ? width : 0, dv, [=](int64_t from, int64_t to, double *sums) {
      const int64_t at = from * width;
      loops::ScaleGradient(dy + at, w + at, u ? u + from : nullptr, v, dw + at, du ? du + from : nullptr, sums,
                           to - from, width);
    });
  }
};

// Updates a list of variables: their values, gradients, means and mean squares follow two scalars.
struct AdamKernel {
  int count;
  float beta1, beta2, rest1, rest2;
  explicit AdamKernel(Attributes &attributes)
      : count(attributes.Int("N")),
        beta1(attributes.Float("beta1")),
        beta2(attributes.Float("beta2")),
        rest1(attributes.Float("rest1")),
        rest2(attributes.Float("rest2")) {}
  void Compute(Call *call) const {
    call->Require(call->shape(0).empty() && call->shape(1).empty(), "step and epsilon must be scalars");
    if (!call->ok()) return;
    const loops::Rates rates{*call->input(0), *call->input(1), beta1, beta2, rest1, rest2};
    for (int i = 0; i < count; i++) {
      const int value = 2 + i, gradient = value + count, m = gradient + count, v = m + count;
      const Shape &shape = call->shape(value);
      call->Require(call->shape(gradient) == shape && call->shape(m) == shape && call->shape(v) == shape,
                    "gradient, m and v must have the shape of the value");
      float *new_value = call->output_over(gradient, i);
      float *new_m = call->output(count + i, shape);
      float *new_v = call->output(2 * count + i, shape);
      if (!call->ok()) return;
      const float *old_value = call->input(value), *g = call->input(gradient), *old_m = call->input(m),
                  *old_v = call->input(v);
      InParts(SizeOf(shape), 1, [=](int64_t from, int64_t to) {
        loops::Adam(old_value + from, g + from, old_m + from, old_v + from, new_value + from, new_m + from,
                    new_v + from, to - from, rates);
      });
    }
  }
};

struct RmsNormKernel {
  int32_t groups;
  bool has_gain;
  float epsilon;
  explicit RmsNormKernel(Attributes &attributes)
      : groups(attributes.Int("groups")), has_gain(attributes.Int("G") > 0), epsilon(attributes.Float("epsilon")) {}
  void Compute(Call *call) const {
    const Shape &shape = call->shape(0);
    call->Require(!shape.empty() && shape.back() % groups == 0, "the last side of x must be a multiple of groups");
    if (!call->ok()) return;
    if (has_gain) call->Require(call->shape(1) == Shape{shape.back()}, "gain must have an element for each channel");
    const int64_t rows = RowsOf(shape);
    float *y = call->output(0, shape);
    float *scales = call->output(1, {rows, groups, 1});
    if (!call->ok()) return;
    const float *x = call->input(0), *gain = has_gain ? call->input(1) : nullptr;
    const int64_t width = shape.back(), groups = this->groups;
    InParts(rows, width, [=, epsilon = epsilon](int64_t from, int64_t to) {
      loops::RmsNorm(x + from * width, gain, y + from * width, scales + from * groups, to - from, groups, width / groups,
                     epsilon);
    });
  }
};

struct RmsNormGradientKernel {
  int32_t groups;
  bool has_gain;
  explicit RmsNormGradientKernel(Attributes &attributes)
      : groups(attributes.Int("groups")), has_gain(attributes.Int("G") > 0) {}
  void Compute(Call *call) const {
    const Shape &shape = call->shape(1);
    call->Require(!shape.empty() && shape.back() % groups == 0, "the last side of x must be a multiple of groups");
    call->Require(call->shape(0) == shape, "dy must have the shape of x");
    if (!call->ok()) return;
    const int64_t rows = RowsOf(shape), width = shape.back();
    call->Require(SizeOf(call->shape(2)) == rows * groups, "scale must have an element for each group");
    if (has_gain) call->Require(call->shape(3) == Shape{width}, "gain must have an element for each channel");
    float *dx = call->output_over(0, 0);
    float *dgain = has_gain ? call->output(1, {width}) : nullptr;
    if (!call->ok()) return;
    const float *dy = call->input(0), *x = call->input(1), *scale = call->input(2);
    const float *gain = has_gain ? call->input(3) : nullptr;
    const int64_t groups = this->groups;
    SumInParts(rows, width, gain ? width : 0, dgain, [=](int64_t from, int64_t to, double *sums) {
      const int64_t at = from * width;
      loops::RmsNormGradient(dy + at, x + at, scale + from * groups, gain, dx + at, sums, to - from, groups,
                             width / groups);
    });
  }
};

struct GatedSiluKernel {
  explicit GatedSiluKernel(Attributes &) {}
  void Compute(Call *call) const {
    const Shape &shape = call->shape(0);
    call->Require(call->shape(1) == shape && call->shape(2) == shape, "sigmoid and up must have the shape of gate");
    float *out = call->output(0, shape);
    if (!call->ok()) return;
    const float *gate = call->input(0), *sigmoid = call->input(1), *up = call->input(2);
    InParts(SizeOf(shape), 1, [=](int64_t from, int64_t to) {
      loops::GatedSilu(gate + from, sigmoid + from, up + from, out + from, to - from);
    });
  }
};

struct GatedSiluGradientKernel {
  explicit GatedSiluGradientKernel(Attributes &) {}
  void Compute(Call *call) const {
    const Shape &shape = call->shape(1);
    call->Require(call->shape(0) == shape && call->shape(2) == shape && call->shape(3) == shape,
                  "dy, sigmoid and up must have the shape of gate");
    float *dgate = call->output_over(0, 0);
    float *dup = call->output(1, shape);
    if (!call->ok()) return;
    const float *dy = call->input(0), *gate = call->input(1), *sigmoid = call->input(2), *up = call->input(3);
    InParts(SizeOf(shape), 1, [=](int64_t from, int64_t to) {
      loops::GatedSiluGradient(dy + from, gate + from, sigmoid + from, up + from, dgate + from, dup + from, to - from);
    });
  }
};

struct RotateKernel {
  bool is_halves;
  float sign;
  explicit RotateKernel(Attributes &attributes)
      : is_halves(attributes.Bool("is_halves")), sign(attributes.Float("sign")) {}
  void Compute(Call *call) const {
    const Shape &shape = call->shape(0);
    call->Require(shape.size() == 3 && shape[2] % 2 == 0, "x must be rows by time by an even width");
    if (!call->ok()) return;
    const Shape table{shape[1], shape[2]};
    call->Require(call->shape(1) == table && call->shape(2) == table, "cosine and sine must be time by width");
    float *out = call->output(0, shape);
    if (!call->ok()) return;
    const float *x = call->input(0), *cosine = call->input(1), *sine = call->input(2);
    const int64_t time = shape[1], width = shape[2];
    InParts(shape[0] * time, width, [=, is_halves = is_halves, sign = sign](int64_t from, int64_t to) {
      loops::Rotate(x + from * width, cosine, sine, out + from * width, to - from, from % time, time, width, is_halves,
                    sign);
    });
  }
};

// --- Registration --------------------------------------------------------------------------------------

template <typename Kernel>
void *Create(TF_OpKernelConstruction *construction) {
  Attributes attributes(construction);
  return new Kernel(attributes);
}

template <typename Kernel>
void Compute(void *kernel, TF_OpKernelContext *context) {
  Call call(context);
  if (call.ok()) static_cast<const Kernel *>(kernel)->Compute(&call);
}

template <typename Kernel>
void Delete(void *kernel) {
  delete static_cast<Kernel *>(kernel);
}

struct Functions {
  void *(*create)(TF_OpKernelConstruction *);
  void (*compute)(void *, TF_OpKernelContext *);
  void (*destroy)(void *);
};

template <typename Kernel>
constexpr Functions kFunctions{Create<Kernel>, Compute<Kernel>, Delete<Kernel>};

using InferShapes = void (*)(TF_ShapeInferenceContext *, TF_Status *);

// Gives an output the shape of an input.
inline void CopyShape(TF_ShapeInferenceContext *context, int output, int input, TF_Status *status) {
  TF_ShapeHandle *shape = TF_NewShapeHandle();
  TF_ShapeInferenceContextGetInput(context, input, shape, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, output, shape, status);
  TF_DeleteShapeHandle(shape);
}

// Output i of `Outputs` has the shape of input First + i · Stride where there is one, and any shape otherwise.
template <int Outputs, int First, int Stride>
void ShapesOfInputs(TF_ShapeInferenceContext *context, TF_Status *status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
  const int64_t inputs = TF_ShapeInferenceContextNumInputs(context);
  for (int i = 0; i < Outputs && First + i * Stride < inputs && TF_GetCode(status) == TF_OK; i++) {
    CopyShape(context, i, First + i * Stride, status);
  }
}

// Value, m and v of variable i have the shape of its value.
inline void ShapesOfVariables(TF_ShapeInferenceContext *context, TF_Status *status) {
  const int64_t count = (TF_ShapeInferenceContextNumInputs(context) - 2) / 4;
  for (int64_t i = 0; i < 3 * count && TF_GetCode(status) == TF_OK; i++) CopyShape(context, i, 2 + i % count, status);
}

struct Definition {
  const char *name;
  std::vector<const char *> inputs, outputs, attributes;
  InferShapes infer_shapes;
  Functions functions;
};

inline bool IsDefined(const char *name) {
  Status status;
  TF_Graph *graph = TF_NewGraph();
  TF_Buffer *definition = TF_NewBuffer();
  TF_GraphGetOpDef(graph, name, definition, status.status);
  TF_DeleteBuffer(definition);
  TF_DeleteGraph(graph);
  return status.ok();
}

inline void Register(const Definition &definition, TF_Status *status) {
  // Another copy of the addon in this process may have been first; TensorFlow aborts at a second definition.
  if (IsDefined(definition.name)) return;
  TF_OpDefinitionBuilder *operation = TF_NewOpDefinitionBuilder(definition.name);
  for (const char *input : definition.inputs) TF_OpDefinitionBuilderAddInput(operation, input);
  for (const char *output : definition.outputs) TF_OpDefinitionBuilderAddOutput(operation, output);
  for (const char *attribute : definition.attributes) TF_OpDefinitionBuilderAddAttr(operation, attribute);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(operation, definition.infer_shapes);
  TF_RegisterOpDefinition(operation, status);
  if (TF_GetCode(status) != TF_OK) return;
  const Functions &functions = definition.functions;
  TF_KernelBuilder *kernel =
      TF_NewKernelBuilder(definition.name, "CPU", functions.create, functions.compute, functions.destroy);
  TF_RegisterKernelBuilder(definition.name, kernel, status);
}

inline const std::vector<Definition> &Definitions() {
  static const std::vector<Definition> definitions{
      {"LrmScale",
       {"w: float", "u: U * float", "v: V * float"},
       {"out: float"},
       {"U: int >= 0", "V: int >= 0"},
       ShapesOfInputs<1, 0, 0>,
       kFunctions<ScaleKernel>},
      {"LrmScaleGradient",
       {"dy: float", "w: float", "u: U * float", "v: V * float"},
       {"dw: float", "du: U * float", "dv: V * float"},
       {"U: int >= 0", "V: int >= 0"},
       ShapesOfInputs<3, 1, 1>,
       kFunctions<ScaleGradientKernel>},
      {"LrmAdam",
       {"step: float", "epsilon: float", "value: N * float", "gradient: N * float", "m: N * float", "v: N * float"},
       {"new_value: N * float", "new_m: N * float", "new_v: N * float"},
       {"N: int >= 1", "beta1: float", "beta2: float", "rest1: float", "rest2: float"},
       ShapesOfVariables,
       kFunctions<AdamKernel>},
      {"LrmRmsNorm",
       {"x: float", "gain: G * float"},
       {"y: float", "scale: float"},
       {"G: int >= 0", "groups: int >= 1", "epsilon: float"},
       ShapesOfInputs<1, 0, 0>,
       kFunctions<RmsNormKernel>},
      {"LrmRmsNormGradient",
       {"dy: float", "x: float", "scale: float", "gain: G * float"},
       {"dx: float", "dgain: G * float"},
       {"G: int >= 0", "groups: int >= 1"},
       ShapesOfInputs<2, 1, 2>,
       kFunctions<RmsNormGradientKernel>},
      {"LrmGatedSilu",
       {"gate: float", "sigmoid: float", "up: float"},
       {"out: float"},
       {},
       ShapesOfInputs<1, 0, 0>,
       kFunctions<GatedSiluKernel>},
      {"LrmGatedSiluGradient",
       {"dy: float", "gate: float", "sigmoid: float", "up: float"},
       {"dgate: float", "dup: float"},
       {},
       ShapesOfInputs<2, 1, 0>,
       kFunctions<GatedSiluGradientKernel>},
      {"LrmRotate",
       {"x: float", "cosine: float", "sine: float"},
       {"out: float"},
       {"is_halves: bool", "sign: float"},
       ShapesOfInputs<1, 0, 0>,
       kFunctions<RotateKernel>},
  };
  return definitions;
}

// Makes all of them known to TensorFlow, once a process.
inline void RegisterAll(TF_Status *status) {
  static std::once_flag once;
  std::call_once(once, [status] {
    for (const Definition &definition : Definitions()) {
      if (TF_GetCode(status) == TF_OK) Register(definition, status);
    }
  });
}

}  // namespace one_pass
}  // namespace tfjs_lrm
