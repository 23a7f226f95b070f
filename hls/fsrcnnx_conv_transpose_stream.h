// SPDX-License-Identifier: Apache-2.0
// Transposed convolution for hls4ml streams (Vitis back end, io_stream), without a multiplication
// by an inserted zero and without a frame buffer.
//
//   HR[s*y + ky - p, s*x + kx - p] += w[ky, kx] * LR[y, x]        cropped to out_height x out_width
//
// As a gather (TDC), the HR pixels that belong to LR pixel (q, x) are s*s phases, and kernel row ky
// adds LR row q + ceil((p - ky) / s) to phase (ky - p) mod s; columns alike. So every weight is
// multiplied once per LR pixel. Two processes, joined by a FIFO:
//
//   gather   one LR pixel (n_chan values) a beat in, its s*s phases in one beat out;
//            II = reuse_factor; holds win_height - 1 lines of LR and a window of registers
//   raster   phases in, HR pixels (n_filt values a beat) out line by line; II = 1;
//            holds the phases of one line of LR, the first HR line excepted
//
// A frame takes in_width + (columns of delay) beats a line; reuse_factor <= stride_width keeps the
// output at one HR pixel a clock. Sums are in accum_t, as in hls4ml's own layers: choose it wide
// enough (the precision 'auto' does). The weights lie in the order in which gather walks them:
// [phase][LR row][LR column][n_chan][n_filt]; fsrcnnx.emit.hls.transpose.tdc_order puts them so.
//
// C++11, as hls4ml's build_prj.tcl asks for. Python twin: fsrcnnx.exact.tdc.

#ifndef FSRCNNX_CONV_TRANSPOSE_STREAM_H_
#define FSRCNNX_CONV_TRANSPOSE_STREAM_H_

#include "hls_stream.h"
#include "nnet_common.h"
#include "nnet_mult.h"
#include "nnet_types.h"

namespace nnet {

// What a configuration must define; the layer's own struct hides these.
struct conv_transpose_config {
    static const unsigned in_height = 1;
    static const unsigned in_width = 1;
    static const unsigned n_chan = 1;
    static const unsigned n_filt = 1;
    static const unsigned filt_height = 1;
    static const unsigned filt_width = 1;
    static const unsigned stride_height = 1;
    static const unsigned stride_width = 1;
    static const unsigned pad_top = 0;  // HR lines cropped above
    static const unsigned pad_left = 0; // HR columns cropped at the left
    static const unsigned out_height = 1;
    static const unsigned out_width = 1;
    static const unsigned reuse_factor = 1;
    static const unsigned multiplier_limit = 1;
    typedef float accum_t;
    typedef float bias_t;
    typedef float weight_t;
    template <class x_T, class y_T> using product = nnet::product::mult<x_T, y_T>;
};

// Geometry of one axis. Step q of it makes the HR samples stride*q .. stride*q + stride-1 from the
// LR samples q + first .. q + last.
template <int in_size, int out_size, int kernel, int stride, int pad, int least_steps>
struct tdc_axis {
    static const int last = (pad + stride - 1) / stride; // ceil(pad / stride): kernel index 0
    static const int behind = kernel - 1 - pad;          // minus what kernel index kernel-1 needs
    static const int first = behind < 0 ? (stride - 1 - behind) / stride : -(behind / stride);
    static const int window = last - first + 1;
    static const int steps = (out_size + stride - 1) / stride;      // LR positions that make output
    static const int needed = MAX(in_size, steps + last);           // ... and those before the first
    static const int walk = MAX(needed, least_steps);               // positions that gather visits

    // Kernel index of window entry `entry` in `phase`; outside 0..kernel-1 if they do not meet.
    static int tap(int phase, int entry) { return phase + pad - stride * (first + entry); }
};

template <class CONFIG_T>
struct conv_transpose_geometry {
    typedef tdc_axis<CONFIG_T::in_height, CONFIG_T::out_height, CONFIG_T::filt_height,
                     CONFIG_T::stride_height, CONFIG_T::pad_top, 1> row;
    // A line has at least 8 positions, so that gather meets no entry of a line buffer again before
    // the write of the last visit has reached the RAM: its DEPENDENCE pragma relies on it.
    typedef tdc_axis<CONFIG_T::in_width, CONFIG_T::out_width, CONFIG_T::filt_width,
                     CONFIG_T::stride_width, CONFIG_T::pad_left, 8> col;
    static const int line_pixels = CONFIG_T::stride_width * CONFIG_T::n_filt; // of one phase row
    static const int phases = CONFIG_T::stride_height * line_pixels;
    static const int kept = MAX(phases - line_pixels, 1); // all phase rows but the first
    // raster takes phases only while it emits the first HR line of each stride_height lines. Slower
    // than one beat in stride_width clocks, gather must run on meanwhile, into the FIFO.
    static const int reuse = CONFIG_T::reuse_factor;
    static const int ahead = col::steps - col::steps * (int)CONFIG_T::stride_width / reuse;
    static const int meanwhile =
        col::steps * (int)((CONFIG_T::stride_height - 1) * CONFIG_T::stride_width) / reuse;
    static const int fifo_depth =
        2 + (reuse <= (int)CONFIG_T::stride_width ? 0 : MIN(ahead, meanwhile));
};

// The phases of one LR position: every sum over the taps that land on it.
template <class data_T, class phases_T, typename CONFIG_T>
void conv_transpose_sums(
    const typename data_T::value_type window[conv_transpose_geometry<CONFIG_T>::row::window]
                                            [conv_transpose_geometry<CONFIG_T>::col::window]
                                            [CONFIG_T::n_chan],
    phases_T &phases,
    const typename CONFIG_T::weight_t weights[CONFIG_T::filt_height * CONFIG_T::filt_width *
                                              CONFIG_T::n_chan * CONFIG_T::n_filt],
    const typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    #pragma HLS INLINE
    typedef conv_transpose_geometry<CONFIG_T> geometry;
    typedef typename CONFIG_T::accum_t accum_t;
    unsigned next = 0; // weight; a constant wherever it is used, once the loops are unrolled

PhaseRow:
    for (int py = 0; py < (int)CONFIG_T::stride_height; py++) {
        #pragma HLS UNROLL
    PhaseCol:
        for (int px = 0; px < (int)CONFIG_T::stride_width; px++) {
            #pragma HLS UNROLL
            accum_t acc[CONFIG_T::n_filt];
            #pragma HLS ARRAY_PARTITION variable=acc complete
        Bias:
            for (unsigned f = 0; f < CONFIG_T::n_filt; f++) {
                #pragma HLS UNROLL
                acc[f] = (accum_t)biases[f];
            }
        WindowRow:
            for (int r = 0; r < geometry::row::window; r++) {
                #pragma HLS UNROLL
                const int ky = geometry::row::tap(py, r);
            WindowCol:
                for (int c = 0; c < geometry::col::window; c++) {
                    #pragma HLS UNROLL
                    const int kx = geometry::col::tap(px, c);
                    if (ky >= 0 && ky < (int)CONFIG_T::filt_height && kx >= 0 &&
                        kx < (int)CONFIG_T::filt_width) {
                    Tap:
                        for (unsigned n = 0; n < CONFIG_T::n_chan; n++) {
                            #pragma HLS UNROLL
                        Filter:
                            for (unsigned f = 0; f < CONFIG_T::n_filt; f++) {
                                #pragma HLS UNROLL
                                acc[f] += (accum_t)CONFIG_T::template product<
                                    typename data_T::value_type,
                                    typename CONFIG_T::weight_t>::product(window[r][c][n],
                                                                          weights[next]);
                                next++;
                            }
                        }
                    }
                }
            }
        Result:
            for (unsigned f = 0; f < CONFIG_T::n_filt; f++) {
                #pragma HLS UNROLL
                phases[(py * CONFIG_T::stride_width + px) * CONFIG_T::n_filt + f] =
                    (typename phases_T::value_type)acc[f];
            }
        }
    }
}

// LR pixels in, phases out. Walks the frame and the zeros below and to the right of it that the
// last windows reach into; the zeros above and to the left come from masks.
template <class data_T, class phases_T, typename CONFIG_T>
void conv_transpose_gather(
    hls::stream<data_T> &data, hls::stream<phases_T> &phases,
    const typename CONFIG_T::weight_t weights[CONFIG_T::filt_height * CONFIG_T::filt_width *
                                              CONFIG_T::n_chan * CONFIG_T::n_filt],
    const typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    typedef typename conv_transpose_geometry<CONFIG_T>::row row;
    typedef typename conv_transpose_geometry<CONFIG_T>::col col;
    typedef typename data_T::value_type value_T;
    #pragma HLS ARRAY_PARTITION variable=weights complete
    #pragma HLS ARRAY_PARTITION variable=biases complete
    #pragma HLS ALLOCATION operation instances=mul limit=CONFIG_T::multiplier_limit

    // lines[0] is the oldest; one wide word per column
    value_T lines[MAX(row::window - 1, 1)][CONFIG_T::in_width][CONFIG_T::n_chan];
    #pragma HLS ARRAY_PARTITION variable=lines complete dim=1
    #pragma HLS ARRAY_RESHAPE variable=lines complete dim=3
    #pragma HLS DEPENDENCE variable=lines inter false
    value_T window[row::window][col::window][CONFIG_T::n_chan];
    #pragma HLS ARRAY_PARTITION variable=window complete dim=0

Line:
    for (int v = 0; v < row::walk; v++) {
    Pixel:
        for (int u = 0; u < col::walk; u++) {
            #pragma HLS LOOP_FLATTEN
            #pragma HLS PIPELINE II=CONFIG_T::reuse_factor
            const bool inside = u < (int)CONFIG_T::in_width;
            data_T pixel;
            if (inside && v < (int)CONFIG_T::in_height)
                pixel = data.read();

        Channel:
            for (unsigned n = 0; n < CONFIG_T::n_chan; n++) {
                #pragma HLS UNROLL
            Row:
                for (int r = 0; r < row::window; r++) {
                    #pragma HLS UNROLL
                    // the newest column: from the line buffers, and from the stream at the bottom
                    value_T newest = 0;
                    if (r < row::window - 1) {
                        if (inside && v >= row::window - 1 - r) // not above the frame
                            newest = lines[r][u][n];
                    } else if (inside && v < (int)CONFIG_T::in_height) {
                        newest = pixel[n];
                    }
                    if (r > 0 && inside)
                        lines[r - 1][u][n] = newest;
                Shift:
                    for (int c = 0; c < col::window; c++) {
                        #pragma HLS UNROLL
                        if (c == col::window - 1)
                            window[r][c][n] = newest;
                        else if (u == 0)
                            window[r][c][n] = 0; // left of the frame
                        else
                            window[r][c][n] = window[r][c + 1][n];
                    }
                }
            }

            const int q = v - row::last, x = u - col::last; // the window's LR position
            if (q >= 0 && q < row::steps && x >= 0 && x < col::steps) {
                phases_T beat;
                conv_transpose_sums<data_T, phases_T, CONFIG_T>(window, beat, weights, biases);
                phases.write(beat);
            }
        }
    }
}

// Phases in, HR pixels out. The first HR line of an LR line leaves as its phases come; the others
// wait in `below`.
template <class phases_T, class res_T, typename CONFIG_T>
void conv_transpose_raster(hls::stream<phases_T> &phases, hls::stream<res_T> &res) {
    typedef conv_transpose_geometry<CONFIG_T> geometry;
    typedef typename res_T::value_type value_T;

    value_T below[geometry::col::steps][geometry::kept];
    #pragma HLS ARRAY_RESHAPE variable=below complete dim=2
    value_T current[geometry::line_pixels]; // the HR pixels of one LR pixel in one HR line
    #pragma HLS ARRAY_PARTITION variable=current complete

LrLine:
    for (int q = 0; q < geometry::row::steps; q++) {
    HrLine:
        for (int py = 0; py < (int)CONFIG_T::stride_height; py++) {
        LrPixel:
            for (int x = 0; x < geometry::col::steps; x++) {
            HrPixel:
                for (int px = 0; px < (int)CONFIG_T::stride_width; px++) {
                    #pragma HLS LOOP_FLATTEN
                    #pragma HLS PIPELINE II=1
                    if (px == 0 && py == 0) {
                        const phases_T beat = phases.read();
                    Take:
                        for (int i = 0; i < geometry::phases; i++) {
                            #pragma HLS UNROLL
                            if (i < geometry::line_pixels)
                                current[i] = beat[i];
                            else
                                below[x][i - geometry::line_pixels] = beat[i];
                        }
                    } else if (px == 0) {
                    Recall:
                        for (int i = 0; i < geometry::line_pixels; i++) {
                            #pragma HLS UNROLL
                            current[i] = below[x][(py - 1) * geometry::line_pixels + i];
                        }
                    }

                    res_T pixel;
                Pack:
                    for (unsigned f = 0; f < CONFIG_T::n_filt; f++) {
                        #pragma HLS UNROLL
                        pixel[f] = current[px * CONFIG_T::n_filt + f];
                    }
                    // an output size that the stride does not divide ends within the last phases
                    if (q * CONFIG_T::stride_height + py < CONFIG_T::out_height &&
                        x * CONFIG_T::stride_width + px < CONFIG_T::out_width)
                        res.write(pixel);
                }
            }
        }
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void conv_transpose_2d_cl(
    hls::stream<data_T> &data, hls::stream<res_T> &res,
    const typename CONFIG_T::weight_t weights[CONFIG_T::filt_height * CONFIG_T::filt_width *
                                              CONFIG_T::n_chan * CONFIG_T::n_filt],
    const typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    #pragma HLS DATAFLOW
    static_assert(data_T::size == CONFIG_T::n_chan, "one LR pixel a beat, all its channels");
    static_assert(res_T::size == CONFIG_T::n_filt, "one HR pixel a beat, all its filters");
    typedef nnet::array<typename res_T::value_type, conv_transpose_geometry<CONFIG_T>::phases>
        phases_T;

    hls::stream<phases_T> phases("phases");
    constexpr unsigned phases_depth = conv_transpose_geometry<CONFIG_T>::fifo_depth;
    #pragma HLS STREAM variable=phases depth=phases_depth

    conv_transpose_gather<data_T, phases_T, CONFIG_T>(data, phases, weights, biases);
    conv_transpose_raster<phases_T, res_T, CONFIG_T>(phases, res);
}

} // namespace nnet

#endif
