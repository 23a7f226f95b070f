# Stand-in for vitis_hls and vitis-run under tclsh: runs a project's build_prj.tcl with the vendor's
# commands stubbed. Each call is written to $VITIS_CALLS; files that the real commands would make
# come from the folder $VITIS_SAMPLES. A command that is not stubbed stops the script, as does
# $VITIS_FAILS where the command of that name is called.

set home [pwd]  ;# the project: the script goes elsewhere later
set script [lindex $argv end]
set calls [open $env(VITIS_CALLS) a]

proc note {name words} {
    global calls env
    puts $calls [string trim "$name $words"]
    flush $calls
    if {[info exists env(VITIS_FAILS)] && $env(VITIS_FAILS) eq $name} {
        puts "ERROR: \[HLS 200-70\] $name failed, as asked for."
        error "$name failed"
    }
}

proc sample {name to} {
    global env
    if {![file exists [file join $env(VITIS_SAMPLES) $name]]} { return }
    file mkdir [file dirname $to]
    set in [open [file join $env(VITIS_SAMPLES) $name]]
    set out [open $to w]  ;# written now: `file copy` would keep the age
    puts -nonewline $out [read $in]
    close $in
    close $out
}

proc solution {} { return [file join $::home ${::project_name}_prj solution1] }

proc open_project {args} {
    note open_project $args
    if {"-reset" in $args} { file delete -force [lindex $args end] }
    file mkdir [lindex $args end]
}
proc open_solution {args} {
    note open_solution $args
    file mkdir [solution]
}
foreach name {set_top add_files config_array_partition config_compile set_part config_schedule
              create_clock set_clock_uncertainty} {
    proc $name {args} "note $name \$args"
}
proc csim_design {args} {
    note csim_design $args
    sample hr.txt tb_data/hr.txt
}
proc csynth_design {args} {
    note csynth_design $args
    sample csynth.xml [file join [solution] syn report ${::project_name}_csynth.xml]
    sample layer.xml [file join [solution] syn report layer_csynth.xml]
    sample top.v [file join [solution] syn verilog ${::project_name}.v]
}
proc cosim_design {args} {
    note cosim_design $args
    set folder [file join [solution] sim verilog]
    file mkdir $folder
    set file [open [file join $folder ${::project_name}.tcl] w]
    puts $file "log_wave -r /\nrun all\nquit"
    close $file
    set file [open [file join $folder run_sim.tcl] w]
    puts $file "run_sim"
    close $file
}
proc run_sim {args} {
    note run_sim $args
    set file [open ${::project_name}.tcl]
    note simulator [string map {"\n" ";"} [string trim [read $file]]]
    close $file
    sample cosim.rpt [file join [solution] sim report ${::project_name}_cosim.rpt]
    sample hr_cosim.txt [file join $::home tb_data hr_cosim.txt]
}
proc export_design {args} {
    note export_design $args
    file mkdir [file join [solution] impl ip]
}

set argv {}
source $script
