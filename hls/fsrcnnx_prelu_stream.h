// SPDX-License-Identifier: Apache-2.0
// Streaming activation and anchor of fsrcnnx, for hls4ml's io_stream.
//
// PReLU, one slope per channel:  y = x < 0 ? x * slope[c] : x,  exact, then one cast to the result type.
// Anchor:  y[c] = x[c] + lr,  the LR pixel added to every output phase; exact, then one cast.
// One beat (one pixel, all channels) a clock: II = 1. Rounding and saturation are the result type's
// (AP_RND_CONV, AP_SAT: half to even), so a value is rounded once.
// Twins: fsrcnnx.exact.golden.activate and the anchor of golden.trace.
#ifndef FSRCNNX_PRELU_STREAM_H_
#define FSRCNNX_PRELU_STREAM_H_

#include "hls_stream.h"
#include "nnet_common.h"

namespace fsrcnnx {

// CONFIG_T: n_pixels, n_chan, slope_t.
template <class data_T, class res_T, typename CONFIG_T>
void prelu(hls::stream<data_T> &data, hls::stream<res_T> &res,
           const typename CONFIG_T::slope_t slope[CONFIG_T::n_chan]) {
    #pragma HLS ARRAY_PARTITION variable=slope complete
PixelLoop:
    for (unsigned i = 0; i < CONFIG_T::n_pixels; i++) {
        #pragma HLS PIPELINE II=1
        const data_T in = data.read();
        res_T out;
        PRAGMA_DATA_PACK(out)
    ChannelLoop:
        for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
            #pragma HLS UNROLL
            const typename data_T::value_type x = in[c];
            // the product is as wide as its operands together, so only the assignment rounds
            if (x < 0)
                out[c] = x * slope[c];
            else
                out[c] = x;
        }
        res.write(out);
    }
}

// CONFIG_T: n_pixels, n_chan. `pixel` carries one value a beat.
template <class data_T, class pixel_T, class res_T, typename CONFIG_T>
void anchor(hls::stream<data_T> &data, hls::stream<pixel_T> &pixel, hls::stream<res_T> &res) {
PixelLoop:
    for (unsigned i = 0; i < CONFIG_T::n_pixels; i++) {
        #pragma HLS PIPELINE II=1
        const data_T in = data.read();
        const pixel_T lr = pixel.read();
        res_T out;
        PRAGMA_DATA_PACK(out)
    ChannelLoop:
        for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
            #pragma HLS UNROLL
            out[c] = in[c] + lr[0];
        }
        res.write(out);
    }
}

} // namespace fsrcnnx

#endif
