#!/usr/bin/perl

# POST publish: what reaches whom, answers, refusals, all or none.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Facts;
use RTProp::Test;

rtprop_nginx();

my $event = { channel => 'user:ann', type => 'x:event', payload => { n => 1 } };


sub publish { api(POST => '/api/publish', @_) }

sub event { return { %$event, @_ } }


# one event

my $first = publish($event);

is($first->{status}, 200, 'published');
like($first->{json}{epoch}, qr/^[0-9a-f]{16}$/, 'an epoch of 16 hex digits');
is($first->{json}{offset}, 1, 'the first offset');
is($first->{headers}{'content-type'}, 'application/json', 'JSON');

my $second = publish($event);

is($second->{json}{offset}, 2, 'the next offset');
is($second->{json}{epoch}, $first->{json}{epoch}, 'the same epoch');


# whom it reaches

my @ann = map { client(user => 'ann') } 1 .. 4;
my $bob = client(user => 'bob');

publish(event(payload => { n => 3, camelCase => 'stays', snake_case => '✓' }));

for my $ws (@ann) {
    my $got = $ws->wait_for('x:event');
    is_deeply($got->{payload}, { n => 3, camelCase => 'stays',
                                 snake_case => '✓' }, 'the payload as posted');
    is($got->{channel}, 'user:ann', 'its channel');
    is($got->{offset}, 3, 'its offset');
    ok(!exists $got->{epoch} && !exists $got->{id}, 'neither epoch nor id');
}

ok($bob->no_event('x:event'), 'nobody else hears it');


# without a payload

is(publish({ channel => 'user:ann', type => 'x:bare' })->{status}, 200,
   'a payload is not needed');

is_deeply($_->wait_for('x:bare')->{payload}, {}, 'it is empty then')
    for @ann;


# volatile

my $volatile = publish(event(type => 'x:volatile', volatile => true));

is_deeply($volatile->{json}, { epoch => undef, offset => undef },
          'a volatile event has no place');
ok(!defined $ann[0]->wait_for('x:volatile')->{offset}, 'nor where it arrives');
is(publish($event)->{json}{offset}, 5, 'and takes none from others');


# all

my $all = publish({ channel => 'all', type => 'x:all', volatile => false });

is_deeply($all->{json}, { epoch => undef, offset => undef },
          'what goes to all is volatile, whatever is asked');
ok($_->wait_for('x:all'), 'every connection hears it') for @ann, $bob;


# exclude_session, on whatever worker

for my $ws (@ann) {
    publish(event(type => 'x:excluding',
                  exclude_session => $ws->{welcome}{payload}{session_id}));
    publish(event(type => 'x:after'));

    for my $other (@ann) {
        my $heard = $other->wait_for(qr/^x:(?:excluding|after)$/);
        is($heard->{type}, $ws == $other ? 'x:after' : 'x:excluding',
           'all but the excluded session hear it');
        $other->wait_for('x:after') if $ws != $other;
    }
}

publish(event(type => 'x:excluding', excludeSession => $_))
    for 'f' x 32, 'nonsense', '';

for (1 .. 3) {
    ok($_->wait_for('x:excluding'), 'an unknown session excludes nobody')
        for @ann;
}


# an array

my $before = publish($event)->{json}{offset};
my $array = publish([event(type => 'x:a'), event(type => 'x:b',
                                                 volatile => true),
                     event(type => 'x:c'), event(channel => 'user:bob')]);

is($array->{status}, 200, 'an array is published');
is(scalar @{$array->{json}}, 4, 'as many answers as events');
is($array->{json}[0]{offset}, $before + 1, 'the first one');
is($array->{json}[1]{offset}, undef, 'the volatile one');
is($array->{json}[2]{offset}, $before + 2, 'the third one');
isnt($array->{json}[3]{offset}, undef, 'the one for another channel');

is(join(' ', map { $ann[1]->wait_for(qr/^x:[abc]$/)->{type} } 1 .. 3),
   'x:a x:b x:c', 'they arrive in order');
ok($bob->wait_for('x:event'), 'the one for another channel, too');

is(ref publish([$event])->{json}, 'ARRAY', 'an array of one is an array');
is(scalar @{publish([($event) x 100])->{json}}, 100, 'a hundred');
is(publish([($event) x 101])->{status}, 422, 'but not more');
is(publish([])->{status}, 422, 'and not none');


# all or none

$before = publish($event)->{json}{offset};

my $mixed = publish([$event, event(type => 'a b'), $event]);

is($mixed->{status}, 422, 'a bad one among good ones');
is($mixed->{json}{code}, 'invalid_payload', 'is refused');
is($mixed->{json}{field}, 'type', 'with the field');
is($mixed->{json}{index}, 1, 'and its place');
is(publish($event)->{json}{offset}, $before + 1, 'none was published');


# refusals

for my $case (
    [channel => { type => 'x' }, 'no channel'],
    [channel => event(channel => 7), 'a number as channel'],
    [channel => event(channel => 'rooms:1'), 'an unknown kind'],
    [channel => event(channel => 'private-chat'), 'another dialect\'s name'],
    [channel => event(channel => 'user'), 'no id'],
    [channel => event(channel => 'user:'), 'an empty id'],
    [channel => event(channel => 'user:a b'), 'a space in the id'],
    [channel => event(channel => 'user:' . 'x' x 129), 'a long id'],
    [channel => event(channel => '$users'), 'an inner name'],
    [type => { channel => 'all' }, 'no type'],
    [type => event(type => ''), 'an empty type'],
    [type => event(type => 'x' x 65), 'a long type'],
    [type => event(type => '"x"'), 'quotes in a type'],
    [type => event(type => 1), 'a number as type'],
    [payload => event(payload => []), 'an array as payload'],
    [payload => event(payload => 'x'), 'a string as payload'],
    [exclude_session => event(exclude_session => 1), 'a number as session'],
    [volatile => event(volatile => 'yes'), 'a string as volatile'],
) {
    my ($field, $body, $name) = @$case;
    my $answer = publish($body);

    is($answer->{status}, 422, "$name: 422");
    is($answer->{json}{code}, 'invalid_payload', "$name: code");
    is($answer->{json}{field}, $field, "$name: field");
}


# what only the server tells, on whatever channel

for my $type (own_events()) {
    for my $channel ('all', 'user:ann', 'property:p1') {
        my $answer = publish(event(type => $type, channel => $channel));

        is_deeply([$answer->{status}, @{$answer->{json}}{qw(code field)}],
                  [422, 'invalid_payload', 'type'], "$type to $channel");
    }
}

my $forged = publish([$event, event(type => 'welcome')]);
is_deeply([$forged->{status}, @{$forged->{json}}{qw(field index)}],
          [422, 'type', 1], 'one of them in an array: none is published');

my %own = map { $_ => 1 } own_events();
my @free = grep { !$own{$_} } sort { $a cmp $b } keys %{{events()}};
cmp_ok(scalar @free, '>=', 12, 'what the application may say');
is(publish(event(type => $_))->{status}, 200, "is published: $_") for @free;
$ann[0]->wait_for($free[-1]);
ok(!grep({ $own{$_->{type}} } $ann[0]->events), 'nothing else came');

is(publish([7])->{status}, 422, 'a number in an array');
is(publish([[]])->{status}, 422, 'an array in an array');

my $large = publish(event(payload => { text => 'x' x 70_000 }));

is($large->{status}, 413, 'a payload over rtprop_max_message');
is($large->{json}{code}, 'too_large', 'is too large');


# a client that does not wait for the answer

for my $i (1 .. 200) {
    my $http = http(bearer => API_KEY);
    my $body = '{"channel":"user:gone","type":"x"}';

    $http->open or die "connect: $@";
    syswrite $http->{socket}, "POST /api/publish HTTP/1.1\r\nHost: a\r\n"
        . "Authorization: Bearer " . API_KEY . "\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . ($i % 2 ? length $body : 1000) . "\r\n\r\n$body";
    $http->drop;
}

is(publish($event)->{status}, 200, 'the server goes on');

$_->close for @ann, $bob;

done_testing();
