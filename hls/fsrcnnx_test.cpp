// SPDX-License-Identifier: Apache-2.0
// Test bench of an emitted project, in raw integers: exact, unlike a log of decimals.
//
//   fsrcnnx_hls_test [folder]       default: tb_data
//
// folder/lr.txt   frames one after another, raw luma as decimal integers
// folder/hr.txt   written: raw luma of the result (hr_cosim.txt when the simulator runs RTL)
// folder/want.txt if it is there: what the result must be, e.g. the golden model's
//
// Returns 0 if everything written equals want.txt, 1 if not or if the streams do not come out empty,
// 2 if there is nothing to run. Vitis HLS runs the same file in C simulation and co-simulation.
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "firmware/fsrcnnx_hls.h"
#include "firmware/nnet_utils/nnet_helpers.h"
#include "fsrcnnx_frame.h"

namespace nnet {
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
} // namespace nnet

static bool read(const std::string &path, std::vector<long> &values) {
    std::ifstream file(path.c_str());
    for (long value; file >> value;)
        values.push_back(value);
    return !values.empty();
}

// A value's bits as an integer; the top bit counts negative where the type is signed.
template <class T> static long raw(const T &value) {
    const long bits = value.range(T::width - 1, 0).to_int64();
    const bool negative = value < 0;
    return negative ? bits - (1L << T::width) : bits;
}

int main(int argc, char **argv) {
    const std::string folder = argc > 1 ? argv[1] : "tb_data";
#ifdef RTL_SIM
    const std::string result = folder + "/hr_cosim.txt";
#else
    const std::string result = folder + "/hr.txt";
#endif
    std::vector<long> lr, want;
    const size_t pixels = fsrcnnx::width * fsrcnnx::height;
    if (!read(folder + "/lr.txt", lr) || lr.size() % pixels != 0) {
        std::cerr << "fsrcnnx: " << folder << "/lr.txt must hold frames of " << fsrcnnx::width << "x"
                  << fsrcnnx::height << " integers, and holds " << lr.size() << std::endl;
        return 2;
    }
    const bool compare = read(folder + "/want.txt", want);
    std::ofstream file(result.c_str());
    size_t count = 0, wrong = 0, stray = 0;
    for (size_t first = 0; first < lr.size(); first += pixels) {
        hls::stream<input_t> in("lr");
        hls::stream<result_t> out("hr");
        for (size_t i = 0; i < pixels; i++) {
            input_t beat;
            beat[0].range(input_t::value_type::width - 1, 0) = lr[first + i];
            in.write(beat);
        }
        fsrcnnx_hls(in, out);
        stray += !in.empty();
        for (size_t i = 0; i < pixels * fsrcnnx::scale * fsrcnnx::scale; i++, count++) {
            if (out.empty()) {
                stray++;
                break;
            }
            const long value = raw(out.read()[0]);
            file << value << "\n";
            if (compare && (count >= want.size() || want[count] != value) && wrong++ == 0)
                std::cout << "fsrcnnx: first mismatch at value " << count << ": want "
                          << (count < want.size() ? want[count] : -1) << ", got " << value << std::endl;
        }
        stray += !out.empty();
    }
    if (compare && want.size() != count)
        wrong += want.size() > count ? want.size() - count : 0;
    std::cout << "fsrcnnx: " << wrong << "/" << count << " mismatches" << (compare ? "" : ", nothing to compare with")
              << (stray ? ", beats missing or left over" : "") << std::endl;
    return wrong || stray ? 1 : 0;
}
