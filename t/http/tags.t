#!/usr/bin/perl

# Versions of resources: ETag, If-Match, If-None-Match.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

rtprop_nginx();

my $path = '/api/properties/p1';
my %house = (title => 'A house', status => 'available', price => 100);


sub put { api(PUT => $path, { %house, price => $_[0] }, @_[1 .. $#_]) }
sub get { api(GET => $path, undef, @_) }

my $made = put(100);

is($made->{status}, 201, 'a new resource');
is($made->{headers}{etag}, '"1"', 'has version 1');

my $changed = put(200, 'If-Match' => '"1"');

is($changed->{status}, 200, 'changed, as the version was the current one');
is($changed->{headers}{etag}, '"2"', 'has version 2');

for my $stale ('"1"', 'W/"1"', '"7"', '"x"', '2', '""') {
    my $answer = put(300, 'If-Match' => $stale);

    is($answer->{status}, 409, "If-Match: $stale");
    is($answer->{json}{code}, 'conflict', 'is a conflict');
}

is(put(300, 'If-Match' => $_)->{status}, 200, "If-Match: $_")
    for '"2"', 'W/"3"', '*', '"1", "5"';

my $got = get();

is($got->{status}, 200, 'read');
is($got->{headers}{etag}, '"6"', 'the newest version');
is($got->{headers}{'cache-control'}, 'no-store', 'not to be stored');

for my $known ('"6"', 'W/"6"', '"1", "6"', '*') {
    my $answer = get('If-None-Match' => $known);

    is($answer->{status}, 304, "If-None-Match: $known");
    is($answer->{body}, '', 'no body');
    is($answer->{headers}{etag}, '"6"', 'but the version');
}

is(get('If-None-Match' => $_)->{status}, 200, "If-None-Match: $_")
    for '"5"', '"66"', '6', '""';

is(api(HEAD => $path, undef, 'If-None-Match' => '"6"')->{status}, 304,
   'HEAD, too');
is(put(400, 'If-None-Match' => '"6"')->{status}, 200,
   'a change is none of its business');

done_testing();
