#!/usr/bin/perl
# Listens on a TCP port and answers each caller with one line; told to "break", it ends with a complaint instead.
use strict;
use warnings;
use IO::Socket::INET;

my ($act, $port) = @ARGV;
my ($name) = $0 =~ m{([^/]+)$};
die "$name: simulated failure\n" if $act eq 'break';
my $listener = IO::Socket::INET->new(LocalPort => $port, Listen => 8, ReuseAddr => 1) or die "$name: $!\n";
open my $pid, '>', "/run/$name.pid" or die "$name: $!\n";
print $pid "$$\n";
close $pid;
while (my $caller = $listener->accept) {
    print $caller "$name\n";
    close $caller;
}
