// Tests shapes, arrays, views and copies, and the errors for bad arguments.
#include "autodiff/array/array.h"

#include <boost/test/unit_test.hpp>

#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

Array counting(const Shape& shape) {
  const Array result(shape, DType::f64);
  for (Index i = 0; i < result.elements(); ++i) result.set(i, static_cast<double>(i));
  return result;
}

using Numbers = std::vector<double>;

}  // namespace

BOOST_AUTO_TEST_SUITE(arrays)

BOOST_AUTO_TEST_CASE(shapes) {
  BOOST_TEST(str(Shape{}) == "()");
  BOOST_TEST(str(Shape{3}) == "(3)");
  BOOST_TEST(str(Shape{128, 784}) == "(128, 784)");
  BOOST_TEST(Shape{}.elements() == 1);
  BOOST_TEST((Shape{4, 0, 2}).elements() == 0);
  BOOST_CHECK((Shape{2, 3}) != (Shape{2, 3, 1}));
  BOOST_CHECK(row_major_strides({2, 3, 4}) == (Shape{12, 4, 1}));
  BOOST_TEST(normalized_axis("op", -1, 3) == 2);
  BOOST_TEST(error_of([] { normalized_axis("op", 3, 3); }) ==
             "[op] axis 3 does not exist: the input has rank 3");
  BOOST_TEST(error_of([] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }) ==
             "[shape] rank 9 is more than the 8 axes that arrays may have");
}

BOOST_AUTO_TEST_CASE(new_arrays_are_aligned) {
  for (Index size : {0, 1, 3, 1000}) {
    const Array x(Shape{size}, DType::f32);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(x.raw()) % 64 == 0);
    BOOST_TEST(x.bytes() == 4 * static_cast<std::size_t>(size));
    BOOST_TEST(!x.empty());
  }
  BOOST_TEST(Array().empty());
}

BOOST_AUTO_TEST_CASE(large_arrays_begin_at_a_huge_page) {
  constexpr Index page = Index{2} << 20, numbers = page / 4;
  for (Index size : {numbers, numbers + 1, 3 * numbers - 1}) {
    const Array x = Array::filled({size}, DType::f32, 1);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(x.raw()) % page == 0);
    BOOST_TEST(x.data<float>()[size - 1] == 1);
  }
}

BOOST_AUTO_TEST_CASE(copies_share_and_clones_do_not) {
  const Array x = counting({3}), shared = x, copy = x.clone();
  x.set(1, 9);
  BOOST_TEST(shared.at(1) == 9);
  BOOST_TEST(copy.at(1) == 1);
  const Array kept = counting({2, 2}).sliced(0, 1, 1);  // its storage lives on
  BOOST_TEST(kept.at(1) == 3);
}

BOOST_AUTO_TEST_CASE(views_move_no_numbers) {
  const Array x = counting({2, 3});
  BOOST_CHECK(x.permuted({1, 0}).to_vector() == (Numbers{0, 3, 1, 4, 2, 5}));
  BOOST_CHECK(x.sliced(1, 1, 2).to_vector() == (Numbers{1, 2, 4, 5}));
  BOOST_CHECK(x.sliced(1, 2, 3, -1).to_vector() == (Numbers{2, 1, 0, 5, 4, 3}));
  BOOST_CHECK(x.sliced(-1, 0, 2, 2).to_vector() == (Numbers{0, 2, 3, 5}));
  BOOST_CHECK(x.sliced(0, 1, 1).broadcast({2, 2, 3}).to_vector() ==
              (Numbers{3, 4, 5, 3, 4, 5, 3, 4, 5, 3, 4, 5}));
  BOOST_CHECK(Array::scalar(7, DType::f64).broadcast({3}).to_vector() == (Numbers{7, 7, 7}));
  BOOST_CHECK(x.permuted({1, 0}).reshaped({6}).to_vector() == (Numbers{0, 3, 1, 4, 2, 5}));
  BOOST_TEST(x.permuted({1, 0}).raw() == x.raw());
  BOOST_TEST(x.reshaped({6}).raw() == x.raw());
  BOOST_TEST(x.permuted({1, 0}).at(1) == 3);
  x.permuted({1, 0}).set(1, 33);
  BOOST_TEST(x.at(3) == 33);
  const Array y = counting({4, 6}).permuted({1, 0}).sliced(0, 5, 3, -2).sliced(1, 1, 2);
  BOOST_CHECK(y.to_vector() == (Numbers{11, 17, 9, 15, 7, 13}));
}

BOOST_AUTO_TEST_CASE(contiguity) {
  const Array x = counting({4, 6});
  BOOST_TEST(x.contiguous());
  BOOST_TEST(x.sliced(0, 1, 2).contiguous());
  BOOST_TEST(!x.sliced(1, 1, 2).contiguous());
  BOOST_TEST(!x.permuted({1, 0}).contiguous());
  BOOST_TEST(x.sliced(0, 2, 1).sliced(1, 1, 3).contiguous());  // an axis of size 1 has no stride
  BOOST_TEST(x.sliced(0, 0, 0).contiguous());
  BOOST_TEST(x.contiguous_copy().raw() == x.raw());
  BOOST_TEST(x.permuted({1, 0}).contiguous_copy().contiguous());
}

BOOST_AUTO_TEST_CASE(copies_between_any_strides_and_dtypes) {
  const Array x = counting({3, 4});
  for (DType from : {DType::f32, DType::f64, DType::i32})
    for (DType to : {DType::f32, DType::f64, DType::i32}) {
      const Array source = x.cast(from).permuted({1, 0}),
                  target = Array({3, 4}, to).permuted({1, 0});
      copy(source, target);
      BOOST_CHECK(target.to_vector() == source.to_vector());
    }
  BOOST_TEST(error_of([&] {
               copy(x, Array({4, 3}, DType::f64));
             }) == "[copy] shapes differ: (3, 4) to (4, 3)");
  copy(Array({0, 3}, DType::f64), Array({0, 3}, DType::f32));
}

BOOST_AUTO_TEST_CASE(errors_say_what_was_expected) {
  const Array x = counting({2, 3});
  BOOST_TEST(error_of([] {
               Array::from(Numbers{1, 2}, {3});
             }) == "[array] 2 values do not fill shape (3)");
  BOOST_TEST(error_of([&] { x.data<float>(); }) == "[array] numbers of dtype f64 were read as f32");
  BOOST_TEST(error_of([&] { x.at(6); }) == "[array] position 6 is outside shape (2, 3)");
  BOOST_TEST(error_of([&] { x.set(-1, 0); }) == "[array] position -1 is outside shape (2, 3)");
  BOOST_TEST(error_of([&] { x.item(); }) ==
             "[array] item() needs one element; the shape is (2, 3)");
  BOOST_TEST(error_of([&] { x.reshaped({5}); }) ==
             "[reshape] shape (2, 3) has 6 elements, (5) has 5");
  BOOST_TEST(error_of([&] {
               x.broadcast({3, 3});
             }) == "[broadcast] shape (2, 3) does not broadcast to (3, 3)");
  BOOST_TEST(!error_of([&] { x.sliced(1, 2, 2); }).empty());
  BOOST_TEST(!error_of([&] { x.sliced(0, 0, 2, -1); }).empty());
  BOOST_TEST(!error_of([&] { x.permuted({0}); }).empty());
  BOOST_TEST(!error_of([] { Array({2, -1}, DType::f32); }).empty());
}

BOOST_AUTO_TEST_SUITE_END()
