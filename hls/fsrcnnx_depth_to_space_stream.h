// SPDX-License-Identifier: Apache-2.0
// Streaming depth-to-space of fsrcnnx, for hls4ml's io_stream: output phases to raster lines.
//
//   in : height x width beats of scale*scale*n_chan values
//   out: scale*height x scale*width beats of n_chan values, in raster order
//
//   out[scale*y + py][scale*x + px][c] = in[y][x][ crd ? (c*scale + py)*scale + px       (ONNX CRD)
//                                                      : (py*scale + px)*n_chan + c ]    (ONNX DCR)
//
// The first of a row's `scale` output lines leaves while the row arrives; what belongs to the other
// lines waits in one row of memory. Each loop gives one output beat a clock (II = 1) and only writes
// or only reads that memory, so that no dependence crosses its iterations.
// Twin: numpy.transpose in fsrcnnx.exact.tdc.deconvolve.
#ifndef FSRCNNX_DEPTH_TO_SPACE_STREAM_H_
#define FSRCNNX_DEPTH_TO_SPACE_STREAM_H_

#include "hls_stream.h"
#include "nnet_common.h"

namespace fsrcnnx {

// CONFIG_T: height, width (of the input), scale, n_chan (of the output), crd.
template <class data_T, class res_T, typename CONFIG_T>
void depth_to_space(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    const unsigned scale = CONFIG_T::scale;
    typename data_T::value_type later[CONFIG_T::width][data_T::size];
    #pragma HLS ARRAY_RESHAPE variable=later complete dim=2
    typename data_T::value_type beat[data_T::size];
    #pragma HLS ARRAY_PARTITION variable=beat complete

RowLoop:
    for (unsigned y = 0; y < CONFIG_T::height; y++) {
    FirstLineLoop:
        for (unsigned x = 0; x < CONFIG_T::width; x++) {
        FirstPhaseLoop:
            for (unsigned px = 0; px < scale; px++) {
                #pragma HLS PIPELINE II=1
                if (px == 0) {
                    const data_T in = data.read();
                    for (unsigned i = 0; i < data_T::size; i++) {
                        #pragma HLS UNROLL
                        beat[i] = in[i];
                        later[x][i] = in[i];
                    }
                }
                res_T out;
                PRAGMA_DATA_PACK(out)
                for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
                    #pragma HLS UNROLL
                    out[c] = beat[CONFIG_T::crd ? c * scale * scale + px : px * CONFIG_T::n_chan + c];
                }
                res.write(out);
            }
        }
    LaterLineLoop:
        for (unsigned py = 1; py < scale; py++) {
        LaterPixelLoop:
            for (unsigned x = 0; x < CONFIG_T::width; x++) {
            LaterPhaseLoop:
                for (unsigned px = 0; px < scale; px++) {
                    #pragma HLS PIPELINE II=1
                    if (px == 0) {
                        for (unsigned i = 0; i < data_T::size; i++) {
                            #pragma HLS UNROLL
                            beat[i] = later[x][i];
                        }
                    }
                    res_T out;
                    PRAGMA_DATA_PACK(out)
                    for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
                        #pragma HLS UNROLL
                        out[c] = beat[CONFIG_T::crd ? (c * scale + py) * scale + px
                                                    : (py * scale + px) * CONFIG_T::n_chan + c];
                    }
                    res.write(out);
                }
            }
        }
    }
}

} // namespace fsrcnnx

#endif
