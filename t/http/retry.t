#!/usr/bin/perl

# Idempotency-Key: a POST sent again is answered as the first was.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx();

my $event = { channel => 'user:ann', type => 'x:event', payload => { n => 1 } };


sub publish {
    my ($body, $key, %headers) = @_;

    # a connection of its own: any worker may get it
    return http(bearer => API_KEY)->post('/api/publish', $body,
        'Idempotency-Key' => $key, %headers);
}


# again, and again

my $first = publish($event, 'key-1');

is($first->{status}, 200, 'the first request');
is($first->{json}{offset}, 1, 'is published');
ok(!$first->{headers}{'idempotency-replayed'}, 'and not a replay');

for (1 .. 8) {
    my $again = publish($event, 'key-1');

    is($again->{status}, 200, 'the same request again');
    is_deeply($again->{json}, $first->{json}, 'gets the same answer');
    is($again->{headers}{'idempotency-replayed'}, 'true', 'and is told so');
}

is(publish($event, 'key-2')->{json}{offset}, 2, 'it was published once');
is(publish($event, undef)->{json}{offset}, 3, 'without a key: each time');


# an array is answered as an array

my $array = publish([$event, $event], 'key-3');
is_deeply(publish([$event, $event], 'key-3')->{json}, $array->{json},
          'an array again');


# the same key for something else

my $other = publish({ %$event, type => 'x:other' }, 'key-1');

is($other->{status}, 409, 'another body with the same key');
is($other->{json}{code}, 'conflict', 'is a conflict');

$other = http(bearer => API_KEY)->post('/api/publish?x=1', $event,
                                       'Idempotency-Key' => 'key-1');
is($other->{status}, 409, 'as is another query');


# a refusal gives the key back

is(publish({ %$event, type => 'a b' }, 'key-4')->{status}, 422,
   'a bad request');
is(publish($event, 'key-4')->{status}, 200, 'mended, with the same key');


# many at once

my $before = publish($event, undef)->{json}{offset};
my @clients = map { http(bearer => API_KEY) } 1 .. 32;
my $body = '{"channel":"user:ann","type":"x:once"}';

for my $http (@clients) {
    $http->open or die "connect: $@";
    syswrite $http->{socket}, "POST /api/publish HTTP/1.1\r\nHost: a\r\n"
        . "Authorization: Bearer " . API_KEY . "\r\n"
        . "Content-Type: application/json\r\nIdempotency-Key: key-5\r\n"
        . "Content-Length: " . length($body) . "\r\n\r\n$body";
}

my %count;

for my $http (@clients) {
    my $answer = $http->read_answer('POST', time + 5);
    $count{$answer->{status}}++;
    $count{new}++ if $answer->{status} == 200
                     && !$answer->{headers}{'idempotency-replayed'};
}

is($count{new}, 1, 'of many at once one is the first');
is(($count{200} || 0) + ($count{409} || 0), 32, 'the others know it');
is(publish($event, undef)->{json}{offset}, $before + 2,
   'and it was published once');


# over a reload

$nginx->reload;

my $later = publish($event, 'key-1');
is($later->{headers}{'idempotency-replayed'}, 'true', 'kept over a reload');
is($later->{json}{offset}, 1, 'with its answer');


# keys that are none

for my $bad ('', 'a b', 'x' x 129, "caf\xe9") {
    my $answer = publish($event, $bad);
    is($answer->{status}, 400, 'no such key');
    is($answer->{json}{code}, 'invalid_payload', 'says why');
}

is(publish($event, 'x' x 128)->{status}, 200, 'the longest key');


# only what is posted has keys

is(http(bearer => API_KEY)->get('/api/channels', 'Idempotency-Key' => 'key-1')
   ->{status}, 200, 'a GET passes over it');

done_testing();
