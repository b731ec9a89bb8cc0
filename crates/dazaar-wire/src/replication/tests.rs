mod attacks;
mod clear;
mod jar;
mod javascript;
mod schedules;
mod sessions;
mod switches;
mod sync;
